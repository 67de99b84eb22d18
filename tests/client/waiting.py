"""Both clients behind one interface, so that each test covers both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Protocol, TypeVar, cast

from facedetect.client import AsyncClient, Client, ImageResult, ServiceVersion
from facedetect.faces import Detection
from facedetect.model_ref import ModelRef

T = TypeVar("T")


class AnyClient(Protocol):
    """The methods of both clients."""

    def detect(self, image: Any, **options: Any) -> Detection: ...
    def annotate(self, image: Any, **options: Any) -> bytes: ...
    def detect_batch(self, images: Any, **options: Any) -> Iterator[ImageResult[Any]]: ...
    def ready(self) -> ModelRef: ...
    def wait_until_ready(self, timeout_s: float = 60.0) -> ModelRef: ...
    def version(self) -> ServiceVersion: ...
    def close(self) -> None: ...


class Sleeper:
    """Records how long it was told to sleep."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class WaitingClient:
    """An AsyncClient in an event loop of the calling thread."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._runner = asyncio.Runner()

    def detect(self, image: Any, **options: Any) -> Detection:
        return self._run(self._client.detect(image, **options))

    def annotate(self, image: Any, **options: Any) -> bytes:
        return self._run(self._client.annotate(image, **options))

    def detect_batch(self, images: Iterable[Any], **options: Any) -> Iterator[ImageResult[Any]]:
        results = self._client.detect_batch(images, **options)
        try:
            while True:
                try:
                    yield self._run(anext(results))  # type: ignore[arg-type]
                except StopAsyncIteration:
                    return
        finally:
            self._run(results.aclose())  # type: ignore[attr-defined]

    def ready(self) -> ModelRef:
        return self._run(self._client.ready())

    def wait_until_ready(self, timeout_s: float = 60.0) -> ModelRef:
        return self._run(self._client.wait_until_ready(timeout_s))

    def version(self) -> ServiceVersion:
        return self._run(self._client.version())

    def close(self) -> None:
        self._run(self._client.aclose())
        self._runner.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)


OpenClient = Callable[..., AnyClient]


def open_sync(url: str, sleeper: Sleeper | None = None, **options: Any) -> AnyClient:
    if sleeper is not None:
        options["sleep"] = sleeper.sleep
    return cast("AnyClient", Client(url, **options))  # its options are typed more narrowly


def open_async(url: str, sleeper: Sleeper | None = None, **options: Any) -> AnyClient:
    if sleeper is not None:
        options["sleep"] = sleeper.sleep
    return WaitingClient(AsyncClient(url, **options))
