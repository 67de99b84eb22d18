"""The asyncio client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

import httpx2

from facedetect.argument_checks import (
    check_concurrency,
    check_several,
    is_finite_number,
    shortened,
)
from facedetect.client.call_options import AnnotateOptions, DetectOptions
from facedetect.client.connection_pool import open_connection_pool
from facedetect.client.response_parsing import (
    ServiceVersion,
    parse_image,
    parse_json,
    to_detection,
    to_ready_model,
    to_service_version,
)
from facedetect.client.retries import DEFAULT_RETRIES, NO_RETRIES, Retries
from facedetect.client.sendable_image import SendableImage, to_image_file
from facedetect.client.sending import Sleep, is_tls_refusal, send_with_retries
from facedetect.errors import BackendError, FacedetectError, InvalidSettings
from facedetect.faces import Detection, ImageResult
from facedetect.model_ref import ModelRef

S = TypeVar("S", bound=SendableImage)

# How often `wait_until_ready` polls.
_READINESS_INTERVAL_S = 0.25


class AsyncClient:
    """`Client` for asyncio: the same arguments, methods and errors, with awaitable methods.

        async with AsyncClient("http://localhost:8000") as client:
            detection = await client.detect("group.jpg")

    Cancelling a call closes its connection, so that the service stops working on it.
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
        if not is_finite_number(timeout_s) or timeout_s <= 0:
            raise InvalidSettings(
                f"timeout_s is {shortened(timeout_s)}; it must be a finite number greater than 0"
            )
        self._http = open_connection_pool(base_url, api_key, ca_file, proxy)
        self._timeout_s = timeout_s
        self._retries = retries
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def detect(self, image: SendableImage, **options: Unpack[DetectOptions]) -> Detection:
        """Find the faces in an image: a path, bytes, an open file, a BGR array, a Pillow image."""
        return parse_json(await self._post("/detect", image, options), to_detection)

    async def annotate(self, image: SendableImage, **options: Unpack[AnnotateOptions]) -> bytes:
        """Return an image file with each face framed, blurred, pixelated or blacked out."""
        return parse_image(await self._post("/annotate", image, options))

    def detect_batch(
        self,
        images: Iterable[S] | AsyncIterable[S],
        *,
        concurrency: int = 4,
        **options: Unpack[DetectOptions],
    ) -> AsyncIterator[ImageResult[S]]:
        """Find the faces in many images, `concurrency` at a time; yields results in their order.

        `images` is read ahead of the consumed results by at most twice the concurrency; each file
        is read when its turn comes. An error becomes that image's result; the batch continues.
        """
        check_several(images)
        check_concurrency(concurrency)
        return self._detect_each(images, concurrency, options)

    async def ready(self) -> ModelRef:
        """Return the model that is ready; raises BackendUnavailable if none is."""
        return await self._check_ready(self._timeout_s)

    async def wait_until_ready(self, timeout_s: float = 60.0) -> ModelRef:
        """Wait for the service and its model; at the timeout, raise why they are not ready."""
        now = asyncio.get_running_loop().time
        deadline = now() + timeout_s
        while True:
            try:
                return await self._check_ready(deadline - now())
            except BackendError as error:
                if is_tls_refusal(error):
                    raise
                not_ready = error
            await self._sleep(min(_READINESS_INTERVAL_S, deadline - now()))
            # An attempt cut off by the deadline would say less than the previous one.
            if now() + _READINESS_INTERVAL_S >= deadline:
                raise not_ready

    async def version(self) -> ServiceVersion:
        """Return the versions of the service and of its model."""
        request = self._http.build_request("GET", "/version")
        response = await self._send(request, self._timeout_s, self._retries)
        return parse_json(response, to_service_version)

    async def _check_ready(self, timeout_s: float) -> ModelRef:
        request = self._http.build_request("GET", "/readyz")
        # "Not ready" is a valid answer.
        response = await self._send(request, timeout_s, NO_RETRIES)
        return parse_json(response, to_ready_model)

    async def _post(
        self, path: str, image: SendableImage, options: Mapping[str, Any]
    ) -> httpx2.Response:
        given = {name: value for name, value in options.items() if value is not None}
        channels = given.pop("channels", "BGR")
        query = {name: _to_text(value) for name, value in given.items()}
        body = (
            image
            if isinstance(image, bytes)
            else await asyncio.to_thread(to_image_file, image, channels)
        )
        # The service detects the image's format itself.
        headers = {"Content-Type": "application/octet-stream"}
        request = self._http.build_request(
            "POST", path, params=query, headers=headers, content=body
        )
        return await self._send(request, self._timeout_s, self._retries)

    async def _send(
        self, request: httpx2.Request, timeout_s: float, retries: Retries
    ) -> httpx2.Response:
        return await send_with_retries(
            self._http, request, timeout_s=timeout_s, retries=retries, sleep=self._sleep
        )

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


def _to_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


async def _iterate(images: Iterable[S] | AsyncIterable[S]) -> AsyncIterator[S]:
    if isinstance(images, AsyncIterable):
        async for image in images:
            yield image
    else:
        for image in images:
            yield image
