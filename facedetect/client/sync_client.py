"""The client for callers that wait."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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

_CHUNK_BYTES = 2**17
_LEAST_S = 0.001  # none at all would mean not to wait for the network


class Client:
    """Asks a facedetect service at `base_url`, such as `http://localhost:8000`. Thread-safe.

        with Client("http://localhost:8000") as client:
            for face in client.detect("group.jpg").faces:
                print(face.box, face.confidence, face.landmarks.left_eye)

    `api_key` is sent as a bearer token. `timeout_s` bounds a whole call, retries and their pauses
    included; only a service that is slow to be connected to, or stalls amid the upload or the
    answer, may hold it for as long again. `ca_file` is the authority to trust for `https://`, in
    PEM form; `proxy` a proxy's URL, those of the environment are not used. `sleep` waits between
    retries.

    What the service refuses is raised as the error it was there: ImageError's, ServiceError's and
    BackendError's subclasses and InvalidParams. A service that cannot be reached is
    BackendUnavailable, one that does not answer in time BackendTimeout, and an answer that is not
    the service's BackendProtocolError. What cannot be right from the start is InvalidSettings.
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
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._terms = Terms(base_url.rstrip("/"), timeout_s, retries)
        self._http = httpx2.Client(**http_options(api_key, ca_file, proxy))
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def detect(self, image: SendableImage, **options: Unpack[DetectOptions]) -> Detection:
        """Find the faces in an image: a path, bytes, an open file, a BGR array, a Pillow image."""
        return self._do(converse(detect_call(read_source(image), options), self._terms))

    def annotate(
        self,
        image: SendableImage,
        *,
        style: Style = "box",
        format: Format = "png",  # noqa: A002 - as the service calls it
        **options: Unpack[DetectOptions],
    ) -> bytes:
        """Return an image file, each face framed, blurred, pixelated or blacked out."""
        call = annotate_call(read_source(image), style, format, options)
        return self._do(converse(call, self._terms))

    def detect_batch(
        self, images: Iterable[S], *, concurrency: int = 4, **options: Unpack[DetectOptions]
    ) -> Iterator[BatchResult[S]]:
        """Find the faces in many images, `concurrency` at a time; yields results in their order.

        `images` is read as results are taken, no further ahead than twice the concurrency, and an
        image's file is opened when its turn has come. An error is a result, too, and ends nothing.
        """
        check_concurrency(concurrency)
        return self._detect_each(images, concurrency, options)

    def ready(self) -> ModelRef:
        """Return the model that would answer now; raises BackendUnavailable if none would."""
        return self._do(check_ready(self._terms))

    def wait_until_ready(self, timeout_s: float = 60.0) -> ModelRef:
        """Wait for the service and its model; raises what was in the way at the end."""
        return self._do(await_ready(replace(self._terms, timeout_s=timeout_s)))

    def version(self) -> ServiceVersion:
        """Return the versions of the service and of its model."""
        return self._do(converse(version_call(), self._terms))

    def _detect_each(
        self, images: Iterable[S], concurrency: int, options: DetectOptions
    ) -> Iterator[BatchResult[S]]:
        pending: deque[Future[BatchResult[S]]] = deque()
        pool = ThreadPoolExecutor(concurrency, thread_name_prefix="facedetect-client")
        try:
            for image in images:
                pending.append(pool.submit(self._attempt, image, options))
                if len(pending) >= 2 * concurrency:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:  # the caller may want no more of them
            pool.shutdown(cancel_futures=True)

    def _attempt(self, image: S, options: DetectOptions) -> BatchResult[S]:
        try:
            return BatchResult(image, self.detect(image, **options), None)
        except FacedetectError as error:
            return BatchResult(image, None, error)

    def _do(self, talk: Talk[T]) -> T:
        """Take a talk's steps to its end."""
        outcome = None
        while True:
            try:
                step = talk.send(outcome)
            except StopIteration as end:
                result: T = end.value
                return result
            outcome = self._take(step)

    def _take(self, step: Send | Pause) -> Outcome | None:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        try:
            return self._send(step)
        except (httpx2.HTTPError, TimeoutError) as error:
            return error

    def _send(self, send: Send) -> Answer:
        """httpx's time-outs are those of single steps: the time is looked at between chunks, too.

        Waiting for an answer begins when the body is sent, and gets what is left then: the
        time-outs are taken from `steps_s` as each step begins.
        """
        steps_s = httpx2.Timeout(max(send.timeout_s, _LEAST_S)).as_dict()
        deadline = time.monotonic() + send.timeout_s
        request = send.request
        body, length = request.body, {}
        if body is not None:
            length = {"Content-Length": str(len(body))}
        with self._http.stream(
            request.method,
            send.url,
            params=request.query,
            headers={**request.headers, **length},
            content=None if body is None else _sent(body, deadline, steps_s),
            extensions={"timeout": steps_s},
        ) as response:
            _lower(steps_s, deadline)
            whole = b"".join(_until(deadline, response.iter_bytes()))
        return Answer(send.url, response.status_code, dict(response.headers), whole)


def _sent(body: bytes, deadline: float, steps_s: dict[str, float | None]) -> Iterator[bytes]:
    yield from _until(deadline, _chunks(body))
    _lower(steps_s, deadline)


def _lower(steps_s: dict[str, float | None], deadline: float) -> None:
    """Let reading take what is left until the deadline."""
    steps_s["read"] = max(deadline - time.monotonic(), _LEAST_S)


def _chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _CHUNK_BYTES):
        yield body[start : start + _CHUNK_BYTES]


def _until(deadline: float, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks; raises TimeoutError after the deadline, a time of `time.monotonic`."""
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise TimeoutError
        yield chunk
