"""Open the backend that a URL names."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from facedetect.backends.base import Backend
from facedetect.backends.spec import BackendSpec
from facedetect.errors import InvalidSettings


def open_backend(spec: BackendSpec | str) -> Backend:
    """Open a backend by its spec or its URL (see `BackendSpec.parse`).

    The model is loaded on first use. Raises InvalidSettings if the URL is invalid, or a certificate
    or key that it names cannot be read.
    """
    if isinstance(spec, str):
        spec = BackendSpec.parse(spec)
    if spec.scheme == "embedded":
        return _open_embedded(spec)
    if spec.scheme == "savedmodel":
        return _open_saved_model(spec)
    with _file_errors(spec):
        return _open_grpc(spec) if spec.scheme in {"grpc", "grpcs"} else _open_rest(spec)


def _open_embedded(spec: BackendSpec) -> Backend:
    from facedetect.backends.embedded import embedded_backend

    return embedded_backend(
        spec.weights,
        geometry=spec.geometry,
        averages_landmarks=spec.averages_landmarks,
        threads=spec.threads,
        instruction_set=spec.instruction_set,
    )


def _open_saved_model(spec: BackendSpec) -> Backend:
    from facedetect.backends.saved_model_backend import saved_model_backend

    if spec.folder is None:
        raise InvalidSettings(f"the backend {spec} does not name a folder")
    return saved_model_backend(
        spec.folder,
        version=spec.model.version,
        intra_op_threads=spec.intra_op_threads or 1,
        inter_op_threads=spec.inter_op_threads,
    )


def _open_grpc(spec: BackendSpec) -> Backend:
    from facedetect.backends.mtcnn_signature import PIXELS_FIRST
    from facedetect.backends.serving import ServingBackend
    from facedetect.tfserving.grpc_client import GrpcClient, tls_credentials

    credentials = None
    if spec.scheme == "grpcs":
        credentials = tls_credentials(spec.ca_file, spec.cert_file, spec.key_file)
    client = GrpcClient(f"dns://{spec.dns or ''}/{spec.address}", credentials=credentials)
    return ServingBackend(client, spec.model, address=spec.address, forms=PIXELS_FIRST)


def _open_rest(spec: BackendSpec) -> Backend:
    from facedetect.backends.mtcnn_signature import FILES_FIRST
    from facedetect.backends.serving import ServingBackend
    from facedetect.tfserving.rest_client import RestClient

    client = RestClient(f"{spec.scheme}://{spec.address}", ca_file=spec.ca_file)
    return ServingBackend(client, spec.model, address=spec.address, forms=FILES_FIRST)


@contextmanager
def _file_errors(spec: BackendSpec) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        raise InvalidSettings(f"the backend {spec}: its ca_file contains no certificate") from error
    except OSError as error:
        raise InvalidSettings(
            f"the backend {spec} names {error.filename or 'a file'}, which cannot be read: "
            f"{error.strerror}"
        ) from error
    except ValueError as error:
        raise InvalidSettings(f"the backend {spec} is invalid: {error}") from error
