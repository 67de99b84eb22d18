"""The bytes of a request's body, never more than the limits in memory and never for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.requests import Request

from facedetect.errors import (
    ImageTooLarge,
    InvalidParams,
    Overloaded,
    UnsupportedImage,
    UploadTimeout,
)
from facedetect.service import forms
from facedetect.service.forms import FormPart, read_form
from facedetect.service.telemetry import Telemetry
from facedetect.settings import ServiceSettings

IMAGE_PART = "image"

# What a form may add to the image: boundaries and the part's headers.
_FORM_OVERHEAD_BYTES = 16 * 2**10


class Uploads:
    """Takes in bodies: at most `max_upload_memory` bytes at once, each within a time-out."""

    def __init__(self, settings: ServiceSettings, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.limits = settings.limits
        self.max_memory = settings.max_upload_memory
        self.max_batch_images = settings.max_batch_images
        self.timeout_s = settings.upload_timeout_s
        self._known = _Memory(settings.max_upload_memory)
        # Those who have not shown a key yet must not take the room of those who have.
        self._unknown = _Memory(settings.max_upload_memory // 4)

    @property
    def held_bytes(self) -> int:
        return self._known.held_bytes + self._unknown.held_bytes

    @contextmanager
    def open(self, request: Request, *, is_known: bool = True) -> Iterator[Upload]:
        """The body of a request, whose bytes count as held until the block ends.

        That of a caller who `is_known` not has a quarter of the memory, until it is.
        """
        memory = self._known if is_known else self._unknown
        upload = Upload(self, request, memory)
        try:
            yield upload
        finally:
            upload.memory.held_bytes -= upload.held_bytes

    def know(self, upload: Upload) -> None:
        """The caller has turned out to be known."""
        if upload.memory is self._unknown:
            self._unknown.held_bytes -= upload.held_bytes
            self._known.held_bytes += upload.held_bytes
            upload.memory = self._known


class _Memory:
    """How many bytes may be held, and are."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held_bytes = 0

    def hold(self, count: int) -> None:
        """Raise Overloaded if so many more bytes are more than may be held."""
        if self.held_bytes + count > self.max_bytes:
            raise Overloaded(
                f"the service holds {self.held_bytes} bytes of uploads, and may hold "
                f"{self.max_bytes}; come again in a second",
                reason="upload_memory",
            )
        self.held_bytes += count


class Upload:
    """One request's body."""

    def __init__(self, uploads: Uploads, request: Request, memory: _Memory) -> None:
        self.memory = memory
        self.held_bytes = 0
        self._uploads = uploads
        self._request = request
        self._content_type = request.headers.get("content-type", "")

    @property
    def is_form(self) -> bool:
        return self._media_type == forms.MEDIA_TYPE

    @property
    def _media_type(self) -> str:
        return self._content_type.split(";")[0].strip().lower()

    async def image(self) -> bytes:
        """Return the one image: a form's part `image`, or the whole body.

        Raises ImageTooLarge as soon as the limit is passed, UnsupportedImage for a body of another
        type, InvalidParams for a form with other parts, InvalidImage for a form that is broken,
        UploadTimeout and Overloaded.
        """
        limit = self._uploads.limits.max_bytes
        if self.is_form:
            return _only([_checked(part) async for part in self.parts(most=2)]).take()
        if self._media_type.startswith("image/") or self._media_type == "application/octet-stream":
            return b"".join([chunk async for chunk in self._body(limit)])
        raise self._unsupported(
            f"multipart/form-data with a part named {IMAGE_PART!r}, or the image itself with an "
            "image/* type"
        )

    def batch(self) -> AsyncIterator[FormPart]:
        """The parts of a form with up to `max_batch_images` images, in half the memory there is."""
        most = self._uploads.max_batch_images
        one = self._uploads.limits.max_bytes
        return self.parts(
            most=most, max_bytes=min(most * one, max(one, self._uploads.max_memory // 2))
        )

    async def parts(self, *, most: int, max_bytes: int | None = None) -> AsyncIterator[FormPart]:
        """Yield the parts of a form as they become whole.

        All of them may have `max_bytes`, or as many as one image. Raises like `image`;
        InvalidParams if there are more than `most` parts.
        """
        if not self.is_form:
            raise self._unsupported("multipart/form-data")
        max_bytes = max_bytes or self._uploads.limits.max_bytes
        body = self._body(max_bytes, overhead=most * _FORM_OVERHEAD_BYTES)
        count = 0
        async for part in read_form(self._content_type, body, self._uploads.limits):
            count += 1
            if count > most:
                raise InvalidParams(
                    f"the form has more parts than the {most} allowed; send fewer in a request"
                )
            yield part

    async def _body(self, max_bytes: int, *, overhead: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield the chunks as they arrive; what has come counts as held."""
        deadline = asyncio.get_running_loop().time() + self._uploads.timeout_s
        announced = self._request.headers.get("content-length", "")
        if announced.isdecimal():
            _check_body(int(announced) - overhead, max_bytes)
        stream = self._request.stream()
        with self._uploads.telemetry.stage("upload"):
            while chunk := await self._next(stream, deadline):
                _check_body(self.held_bytes + len(chunk) - overhead, max_bytes)
                self.memory.hold(len(chunk))
                self.held_bytes += len(chunk)
                yield chunk

    async def _next(self, stream: AsyncGenerator[bytes, None], deadline: float) -> bytes:
        """The next chunk; an empty one ends the body."""
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(stream, b"")
        except TimeoutError as error:
            raise UploadTimeout(
                f"{self.held_bytes} bytes came in {self._uploads.timeout_s:g} s, and not the "
                "whole body; send a smaller image, or over a faster line"
            ) from error

    def _unsupported(self, what_to_send: str) -> UnsupportedImage:
        given = self._media_type or "(none)"
        return UnsupportedImage(f"the body has the type {given}; send {what_to_send}")


def _checked(part: FormPart) -> FormPart:
    """Raises InvalidParams at once for a part that is not the image."""
    if part.name != IMAGE_PART or part.filename is None:
        kind = "field" if part.filename is None else "file"
        raise InvalidParams(
            f"the form has the {kind} {part.name!r}; it takes one file named {IMAGE_PART!r}, as in "
            f"curl -F {IMAGE_PART}=@photo.jpg; parameters go into the query"
        )
    return part


def _only(parts: list[FormPart]) -> FormPart:
    if len(parts) != 1:
        raise InvalidParams(
            f"the form has {len(parts)} images; this call takes one, as in "
            f"curl -F {IMAGE_PART}=@photo.jpg, and /detect/batch several"
        )
    return parts[0]


def _check_body(count: int, max_bytes: int) -> None:
    if count > max_bytes:
        raise ImageTooLarge(
            f"the body has more than the {max_bytes} bytes allowed; send a smaller image, or "
            "compress it more"
        )


@asynccontextmanager
async def watch_client(request: Request) -> AsyncIterator[asyncio.Future[None]]:
    """What is done once the client of a request, whose body was read, has gone away."""
    gone = asyncio.ensure_future(_until_gone(request))
    try:
        yield gone
    finally:
        gone.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
