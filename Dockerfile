# Three images; scripts/build-image builds them, docs/deployment.md says how to run them.
#   gateway     the HTTP service in front of TensorFlow Serving
#   model       TensorFlow Serving with the model in it
#   all-in-one  the HTTP service with the model in its own process
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm
ARG SERVING_IMAGE=docker.io/tensorflow/serving:2.20.0

# What builds the others, itself in none of them. Its pip installs into environments without pip.
FROM ${PYTHON_IMAGE} AS tools
WORKDIR /src
COPY requirements/build.txt requirements/
RUN python3 -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt

# The compiler stays here; what it made needs the C++ library alone, which every Debian has.
FROM tools AS wheel
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml CMakeLists.txt README.md LICENSE ./
COPY models models
COPY facedetect facedetect
RUN PATH=/build/bin:$PATH /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation \
        --wheel-dir /wheels .

FROM tools AS service-environment
COPY requirements/runtime.txt requirements/
# What is never imported is not compiled (16 MB), and what nothing here uses is not kept (17 MB).
RUN python3 -m venv --without-pip /opt/facedetect \
    && /build/bin/pip --python /opt/facedetect/bin/python3 install --no-cache-dir --no-compile \
        --no-deps --require-hashes -r requirements/runtime.txt \
    && find /opt/facedetect -path '*/numpy/*' \( -name tests -o -name f2py -o -name distutils \) \
        -prune -exec rm -r {} + \
    && find /opt/facedetect \( -name '*.pyi' -o -path '*/cv2/data/*.xml' \
        -o -path '*/pygments/lexers/[a-z]*.py' -o -name 'redoc*.js' \) -delete
COPY --from=wheel /wheels /wheels
RUN /build/bin/pip --python /opt/facedetect/bin/python3 install --no-cache-dir --no-compile \
        --no-deps /wheels/*.whl \
    && /opt/facedetect/bin/facedetect --help >/dev/null \
    && /opt/facedetect/bin/python3 -c "import facedetect.service.http_server, facedetect.service.tracing, \
        facedetect.backends.serving, facedetect.engine._native, facedetect.cli.logs, pillow_heif, pillow_jxl"

# TensorFlow, to write the SavedModel.
FROM tools AS saved-model
COPY requirements/convert.txt requirements/
RUN python3 -m venv --without-pip /opt/facedetect \
    && /build/bin/pip --python /opt/facedetect/bin/python3 install --no-cache-dir \
        --no-deps --require-hashes -r requirements/convert.txt
COPY --from=wheel /wheels /wheels
RUN /build/bin/pip --python /opt/facedetect/bin/python3 install --no-cache-dir \
        --no-deps /wheels/*.whl \
    && /opt/facedetect/bin/facedetect freeze /tmp/mtcnn.pb \
    && /opt/facedetect/bin/facedetect convert /tmp/mtcnn.pb /models/mtcnn \
    && chmod -R a+rX /models

# What the two images with the HTTP service share.
FROM ${PYTHON_IMAGE} AS service
COPY --from=service-environment /opt/facedetect /opt/facedetect
COPY --chmod=0644 deploy/image/healthcheck.py /opt/healthcheck.py
# 0.0.0.0, because a container has its own loopback. So it needs FACEDETECT_KEYS_FILE, a mounted file
# of keys, or FACEDETECT_WITHOUT_KEYS=true.
ENV PATH=/opt/facedetect/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FACEDETECT_HOST=0.0.0.0 \
    FACEDETECT_PORT=8000
EXPOSE 8000
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
# -I and -S: nothing but the standard library is loaded, for a check every ten seconds.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python3", "-I", "-S", "/opt/healthcheck.py"]
# No shell and no init between: SIGTERM reaches the service, which finishes what it is at and ends.
ENTRYPOINT ["facedetect"]
CMD ["serve"]

FROM service AS gateway
# Threads wait for the model most of the time: four keep a model server of some cores busy. All images
# under work together are never more than one at the limits, 20 bytes a pixel at most, so this limit on
# pixels keeps the gateway below 2 GiB.
ENV FACEDETECT_BACKEND=grpc://model:8500/mtcnn \
    FACEDETECT_THREADS=4 \
    FACEDETECT_MAX_IMAGE_PIXELS=25000000
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="facedetect-gateway" \
    org.opencontainers.image.description="Face detection over HTTP, in front of TensorFlow Serving" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

FROM service AS all-in-one
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="facedetect" \
    org.opencontainers.image.description="Face detection over HTTP, the model in the same process" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

FROM ${SERVING_IMAGE} AS model
COPY --chmod=0755 deploy/serving/entrypoint deploy/serving/healthcheck /opt/serving/
COPY --chmod=0644 deploy/serving/monitoring.config /opt/serving/
COPY --from=saved-model /models/mtcnn /models/mtcnn
# TF_ENABLE_ONEDNN_OPTS: oneDNN's convolutions, 1.2 to 1.9 times as fast.
# TF_MKL_ALLOC_MAX_BYTES: its allocator stops at 2 GiB; else it goes by the memory of the whole
#   machine, and the container is killed where a request could have been refused.
# MALLOC_ARENA_MAX: the C library gives each of many threads a heap of its own, up to eight a core,
#   and what is freed in them does not come back.
ENV MODEL_NAME=mtcnn \
    MODEL_BASE_PATH=/models \
    TF_ENABLE_ONEDNN_OPTS=1 \
    TF_MKL_ALLOC_MAX_BYTES=2147483648 \
    MALLOC_ARENA_MAX=4
EXPOSE 8500 8501
USER 10001:10001
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/opt/serving/healthcheck"]
ENTRYPOINT ["/opt/serving/entrypoint"]
CMD []
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="facedetect-model" \
    org.opencontainers.image.description="TensorFlow Serving with facedetect's model" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
