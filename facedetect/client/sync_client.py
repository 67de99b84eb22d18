"""The synchronous client: `AsyncClient` in a background thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Self, Unpack

from facedetect.argument_checks import check_concurrency, check_several
from facedetect.background_loop import BackgroundLoop, wait_for
from facedetect.client.async_client import AsyncClient, S, detect_in_turn
from facedetect.client.call_options import AnnotateOptions, DetectOptions
from facedetect.client.response_parsing import ServiceVersion
from facedetect.client.retries import DEFAULT_RETRIES, Retries
from facedetect.client.sendable_image import SendableImage
from facedetect.client.sending import Sleep
from facedetect.faces import Detection, ImageResult
from facedetect.model_ref import ModelRef


class Client:
    """A client for the facedetect service at `base_url`, e.g. `http://localhost:8000`. Thread-safe.

        with Client("http://localhost:8000") as client:
            for face in client.detect("group.jpg").faces:
                print(face.box, face.confidence, face.landmarks.left_eye)

    `api_key` is sent as a bearer token. `timeout_s` bounds a whole call, including retries and
    pauses. `ca_file` is the certificate authority to trust for `https://` (PEM). `proxy` is the URL
    of a proxy; proxy variables in the environment are ignored. `sleep`, an async function, waits
    between retries.

    The service's errors are raised as the same classes: subclasses of ImageError, ServiceError and
    BackendError, and InvalidParams. BackendUnavailable: the service cannot be reached;
    BackendTimeout: it did not answer in time; BackendProtocolError: the response is not
    facedetect's; InvalidSettings: an argument of the client is invalid.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        retries: Retries = DEFAULT_RETRIES,
        ca_file: Path | None = None,
        proxy: str | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        open_client = partial(
            AsyncClient,
            base_url,
            api_key=api_key,
            timeout_s=timeout_s,
            retries=retries,
            ca_file=ca_file,
            proxy=proxy,
            sleep=sleep,
        )
        self._loop = BackgroundLoop(open_client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; calls in other threads raise ClientClosed, a RuntimeError."""
        self._loop.close()

    def detect(self, image: SendableImage, **options: Unpack[DetectOptions]) -> Detection:
        """Find the faces in an image: a path, bytes, an open file, a BGR array, a Pillow image."""
        return self._loop.run(lambda client: client.detect(image, **options))

    def annotate(self, image: SendableImage, **options: Unpack[AnnotateOptions]) -> bytes:
        """Return an image file with each face framed, blurred, pixelated or blacked out."""
        return self._loop.run(lambda client: client.annotate(image, **options))

    def detect_batch(
        self, images: Iterable[S], *, concurrency: int = 4, **options: Unpack[DetectOptions]
    ) -> Iterator[ImageResult[S]]:
        """Find the faces in many images, `concurrency` at a time; yields results in their order.

        `images` is read ahead of the consumed results by at most twice the concurrency; each file
        is read when its turn comes. An error becomes that image's result; the batch continues.
        """
        check_several(images)
        check_concurrency(concurrency)
        return self._detect_each(images, concurrency, options)

    def ready(self) -> ModelRef:
        """Return the model that is ready; raises BackendUnavailable if none is."""
        return self._loop.run(AsyncClient.ready)

    def wait_until_ready(self, timeout_s: float = 60.0) -> ModelRef:
        """Wait for the service and its model; at the timeout, raise why they are not ready."""
        return self._loop.run(lambda client: client.wait_until_ready(timeout_s))

    def version(self) -> ServiceVersion:
        """Return the versions of the service and of its model."""
        return self._loop.run(AsyncClient.version)

    def _detect_each(
        self, images: Iterable[S], concurrency: int, options: DetectOptions
    ) -> Iterator[ImageResult[S]]:
        turns = asyncio.Semaphore(concurrency)
        pending: deque[Future[ImageResult[S]]] = deque()
        try:
            for image in images:
                call = partial(detect_in_turn, image=image, turns=turns, options=options)
                pending.append(self._loop.submit(call))
                if len(pending) >= 2 * concurrency:
                    yield wait_for(pending.popleft())
            while pending:
                yield wait_for(pending.popleft())
        finally:  # the caller may stop early
            for future in pending:
                future.cancel()
