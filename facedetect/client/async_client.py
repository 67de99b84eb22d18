"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar, Unpack

from facedetect.client.client_config import ClientConfig, check_concurrency, open_http_client
from facedetect.client.request_sender import RequestSender, Sleep
from facedetect.client.retries import DEFAULT_RETRIES, Retries
from facedetect.client.sendable_image import SendableImage, to_image_file
from facedetect.client.service_requests import (
    AnnotationFormat,
    AnnotationStyle,
    DetectOptions,
    ServiceVersion,
    annotate_request,
    detect_request,
    version_request,
)
from facedetect.errors import FacedetectError
from facedetect.faces import Detection
from facedetect.model_ref import ModelRef

S = TypeVar("S", bound=SendableImage)


@dataclass(frozen=True)
class ImageResult(Generic[S]):
    """The result of one image of a batch: a detection or an error; the other is None."""

    source: S
    detection: Detection | None
    error: FacedetectError | None


class AsyncClient:
    """`Client` for asyncio: the same arguments, methods and errors; methods are awaited.

        async with AsyncClient("http://localhost:8000") as client:
            detection = await client.detect("group.jpg")

    Cancelling a call closes its connection, so that the service can drop the work.
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
        config = ClientConfig(base_url.rstrip("/"), timeout_s, retries)
        self._http = open_http_client(api_key, ca_file, proxy)
        self._sender = RequestSender(self._http, config, sleep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def detect(self, image: SendableImage, **options: Unpack[DetectOptions]) -> Detection:
        """Find the faces in an image: a path, bytes, an open file, a BGR array, a Pillow image."""
        return await self._sender.send(detect_request(await _to_image_file(image), options))

    async def annotate(
        self,
        image: SendableImage,
        *,
        style: AnnotationStyle = "box",
        format: AnnotationFormat = "png",  # noqa: A002 - the service's name for it
        **options: Unpack[DetectOptions],
    ) -> bytes:
        """Return an image file in which each face is framed, blurred, pixelated or blacked out."""
        data = await _to_image_file(image)
        return await self._sender.send(annotate_request(data, style, format, options))

    def detect_batch(
        self,
        images: Iterable[S] | AsyncIterable[S],
        *,
        concurrency: int = 4,
        **options: Unpack[DetectOptions],
    ) -> AsyncIterator[ImageResult[S]]:
        """Find the faces in many images, `concurrency` at a time; yields results in their order.

        `images` is read at most twice the concurrency ahead of the results taken; an image's file
        is read when its turn comes. An error is a result, too, and the next image follows.
        """
        check_concurrency(concurrency)
        return self._detect_each(images, concurrency, options)

    async def ready(self) -> ModelRef:
        """Return the model that is ready; raises BackendUnavailable if none is."""
        return await self._sender.check_ready()

    async def wait_until_ready(self, timeout_s: float = 60.0) -> ModelRef:
        """Wait for the service and its model; at the timeout raises why they are not ready."""
        return await self._sender.wait_until_ready(timeout_s)

    async def version(self) -> ServiceVersion:
        """Return the versions of the service and of its model."""
        return await self._sender.send(version_request())

    async def _detect_each(
        self, images: Iterable[S] | AsyncIterable[S], concurrency: int, options: DetectOptions
    ) -> AsyncIterator[ImageResult[S]]:
        turns = asyncio.Semaphore(concurrency)
        pending: deque[asyncio.Task[ImageResult[S]]] = deque()
        try:
            async for image in _iterate(images):
                pending.append(asyncio.create_task(detect_in_turn(self, image, turns, options)))
                if len(pending) >= 2 * concurrency:
                    yield await pending.popleft()
            while pending:
                yield await pending.popleft()
        finally:  # the caller may stop early
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)


async def detect_in_turn(
    client: AsyncClient, image: S, turns: asyncio.Semaphore, options: DetectOptions
) -> ImageResult[S]:
    """Find the faces in one image of a batch once `turns` has room for it."""
    async with turns:
        try:
            return ImageResult(image, await client.detect(image, **options), None)
        except FacedetectError as error:
            return ImageResult(image, None, error)


async def _to_image_file(image: SendableImage) -> bytes:
    return image if isinstance(image, bytes) else await asyncio.to_thread(to_image_file, image)


async def _iterate(images: Iterable[S] | AsyncIterable[S]) -> AsyncIterator[S]:
    if isinstance(images, AsyncIterable):
        async for image in images:
            yield image
    else:
        for image in images:
            yield image
