"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar, Unpack

import httpx2

from facedetect.client.answers import Answer
from facedetect.client.calls import (
    DetectOptions,
    Format,
    ServiceVersion,
    Style,
    annotate_call,
    detect_call,
    version_call,
)
from facedetect.client.connection import http_options
from facedetect.client.retries import DEFAULT_RETRIES, Retries
from facedetect.client.sources import BatchResult, S, SendableImage, check_concurrency, read_source
from facedetect.client.talk import (
    Outcome,
    Pause,
    Send,
    Talk,
    Terms,
    await_ready,
    check_ready,
    converse,
)
from facedetect.errors import FacedetectError
from facedetect.faces import Detection
from facedetect.model_ref import ModelRef

T = TypeVar("T")


class AsyncClient:
    """`Client` for asyncio: the same arguments, calls and errors, to be awaited.

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
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._terms = Terms(base_url.rstrip("/"), timeout_s, retries)
        self._http = httpx2.AsyncClient(**http_options(api_key, ca_file, proxy))
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
        data = await asyncio.to_thread(read_source, image)
        return await self._do(converse(detect_call(data, options), self._terms))

    async def annotate(
        self,
        image: SendableImage,
        *,
        style: Style = "box",
        format: Format = "png",  # noqa: A002 - as the service calls it
        **options: Unpack[DetectOptions],
    ) -> bytes:
        """Return an image file, each face framed, blurred, pixelated or blacked out."""
        data = await asyncio.to_thread(read_source, image)
        return await self._do(converse(annotate_call(data, style, format, options), self._terms))

    def detect_batch(
        self,
        images: Iterable[S] | AsyncIterable[S],
        *,
        concurrency: int = 4,
        **options: Unpack[DetectOptions],
    ) -> AsyncIterator[BatchResult[S]]:
        """Find the faces in many images, `concurrency` at a time; yields results in their order.

        `images` is read as results are taken, no further ahead than twice the concurrency, and an
        image's file is opened when its turn has come. An error is a result, too, and ends nothing.
        """
        check_concurrency(concurrency)
        return self._detect_each(images, concurrency, options)

    async def ready(self) -> ModelRef:
        """Return the model that would answer now; raises BackendUnavailable if none would."""
        return await self._do(check_ready(self._terms))

    async def wait_until_ready(self, timeout_s: float = 60.0) -> ModelRef:
        """Wait for the service and its model; raises what was in the way at the end."""
        return await self._do(await_ready(replace(self._terms, timeout_s=timeout_s)))

    async def version(self) -> ServiceVersion:
        """Return the versions of the service and of its model."""
        return await self._do(converse(version_call(), self._terms))

    async def _detect_each(
        self, images: Iterable[S] | AsyncIterable[S], concurrency: int, options: DetectOptions
    ) -> AsyncIterator[BatchResult[S]]:
        turns = asyncio.Semaphore(concurrency)
        pending: deque[asyncio.Task[BatchResult[S]]] = deque()
        try:
            async for image in _each(images):
                pending.append(asyncio.create_task(self._attempt(image, turns, options)))
                if len(pending) >= 2 * concurrency:
                    yield await pending.popleft()
            while pending:
                yield await pending.popleft()
        finally:  # the caller may want no more of them
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _attempt(
        self, image: S, turns: asyncio.Semaphore, options: DetectOptions
    ) -> BatchResult[S]:
        async with turns:
            try:
                return BatchResult(image, await self.detect(image, **options), None)
            except FacedetectError as error:
                return BatchResult(image, None, error)

    async def _do(self, talk: Talk[T]) -> T:
        """Take a talk's steps to its end."""
        outcome = None
        while True:
            try:
                step = talk.send(outcome)
            except StopIteration as end:
                result: T = end.value
                return result
            outcome = await self._take(step)

    async def _take(self, step: Send | Pause) -> Outcome | None:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        try:
            async with asyncio.timeout(step.timeout_s):
                return await self._send(step)
        except (httpx2.HTTPError, TimeoutError) as error:
            return error

    async def _send(self, send: Send) -> Answer:
        request = send.request
        response = await self._http.request(
            request.method,
            send.url,
            params=request.query,
            headers=request.headers,
            content=request.body,
            timeout=None,
        )
        return Answer(send.url, response.status_code, dict(response.headers), response.content)


async def _each(images: Iterable[S] | AsyncIterable[S]) -> AsyncIterator[S]:
    if isinstance(images, AsyncIterable):
        async for image in images:
            yield image
    else:
        for image in images:
            yield image
