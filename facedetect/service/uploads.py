"""Request bodies, read within limits on their size, their time and the memory of all of them."""

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
from facedetect.service.request_context import time_stage
from facedetect.settings import ServiceSettings

IMAGE_PART = "image"
_ONE_IMAGE = f"one file named {IMAGE_PART!r}, as in curl -F {IMAGE_PART}=@photo.jpg"
_SEVERAL_IMAGES = (
    f"files named {IMAGE_PART!r}, as in curl -F {IMAGE_PART}=@a.jpg -F {IMAGE_PART}=@b.jpg"
)

# What a form may add to each image: boundaries and the headers of its part.
_FORM_OVERHEAD_BYTES = 16 * 2**10


class Uploads:
    """Reads bodies: at most `max_upload_memory` bytes at once, each within a time limit."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self._authenticated = _MemoryBudget(settings.max_upload_memory)
        # Clients that have not sent a key yet must not take the memory of those that have.
        self._unauthenticated = _MemoryBudget(settings.max_upload_memory // 4)

    @property
    def held_bytes(self) -> int:
        """The memory held by all uploads."""
        return self._authenticated.held_bytes + self._unauthenticated.held_bytes

    @contextmanager
    def open(self, request: Request, *, is_authenticated: bool = True) -> Iterator[Upload]:
        """Open the body of a request, whose bytes count as held until the block ends.

        Clients that are not authenticated share a quarter of the memory.
        """
        memory = self._authenticated if is_authenticated else self._unauthenticated
        upload = Upload(request, self.settings, memory)
        try:
            yield upload
        finally:
            upload.memory.held_bytes -= upload.held_bytes

    def mark_authenticated(self, upload: Upload) -> None:
        """Count an upload as that of an authenticated client from now on."""
        upload.memory.held_bytes -= upload.held_bytes
        upload.memory = self._authenticated
        upload.memory.held_bytes += upload.held_bytes


class _MemoryBudget:
    """How many bytes are held, of those allowed."""

    def __init__(self, max_bytes: int) -> None:
        self.held_bytes = 0
        self._max_bytes = max_bytes

    def hold(self, count: int) -> None:
        """Hold more bytes. Raises Overloaded if that would exceed the maximum."""
        if self.held_bytes + count > self._max_bytes:
            raise Overloaded(
                f"uploads hold {self.held_bytes} of the {self._max_bytes} bytes allowed; retry in "
                "1 s",
                reason="upload_memory",
            )
        self.held_bytes += count


class Upload:
    """The body of one request."""

    def __init__(self, request: Request, settings: ServiceSettings, memory: _MemoryBudget) -> None:
        self.memory = memory
        self.held_bytes = 0
        self._settings = settings
        self._request = request
        self._content_type = request.headers.get("content-type", "")
        self._media_type = self._content_type.split(";")[0].strip().lower()

    async def read_image(self) -> bytes:
        """Return the one image: a form's part `image`, or the whole body.

        Raises ImageTooLarge as soon as the limit is exceeded, UnsupportedImage for a body of
        another type, InvalidParams for a form with other parts, InvalidImage for a malformed form,
        UploadTimeout and Overloaded.
        """
        if self._media_type == forms.MEDIA_TYPE:
            parts = self.read_parts(max_parts=2)
            images = [_require_image(part, _ONE_IMAGE) async for part in parts]
            if len(images) != 1:
                raise InvalidParams(
                    f"the form has {len(images)} images; send {_ONE_IMAGE}, or several to "
                    "/detect/batch"
                )
            return images[0].data
        if self._media_type.startswith("image/") or self._media_type == "application/octet-stream":
            body = self._read(self._settings.max_image_bytes)
            return b"".join([chunk async for chunk in body])
        raise self._unsupported(
            f"{forms.MEDIA_TYPE} with a part named {IMAGE_PART!r}, or the image itself as image/*"
        )

    async def read_batch(self) -> list[FormPart]:
        """Return the images of a form: up to `max_batch_images`, in half of the memory allowed.

        Raises like `read_image`.
        """
        max_parts = self._settings.max_batch_images
        max_image = self._settings.max_image_bytes
        half_of_memory = self._settings.max_upload_memory // 2
        max_bytes = min(max_parts * max_image, max(max_image, half_of_memory))
        parts = self.read_parts(max_parts=max_parts, max_bytes=max_bytes)
        images = [_require_image(part, _SEVERAL_IMAGES) async for part in parts]
        if not images:
            raise InvalidParams(f"the form is empty; send {_SEVERAL_IMAGES}")
        return images

    async def read_parts(
        self, *, max_parts: int, max_bytes: int | None = None
    ) -> AsyncIterator[FormPart]:
        """Yield the parts of a form as they are completed.

        Together they may have `max_bytes`, by default as many as one image. Raises like
        `read_image`, and InvalidParams for more than `max_parts`.
        """
        if self._media_type != forms.MEDIA_TYPE:
            raise self._unsupported(forms.MEDIA_TYPE)
        max_bytes = max_bytes or self._settings.max_image_bytes
        body = self._read(max_bytes + max_parts * _FORM_OVERHEAD_BYTES)
        count = 0
        async for part in read_form(self._content_type, body):
            count += 1
            if count > max_parts:
                raise InvalidParams(
                    f"the form has more than the {max_parts} parts allowed; send fewer per request"
                )
            yield part

    async def _read(self, max_bytes: int) -> AsyncGenerator[bytes, None]:
        """Yield the chunks of the body as they arrive, and count them as held."""
        deadline = asyncio.get_running_loop().time() + self._settings.upload_timeout_s
        announced = self._request.headers.get("content-length", "")
        if announced.isdecimal():
            _check_body_size(int(announced), max_bytes)
        stream = self._request.stream()
        with time_stage("upload"):
            while chunk := await self._next_chunk(stream, deadline):
                _check_body_size(self.held_bytes + len(chunk), max_bytes)
                self.memory.hold(len(chunk))
                self.held_bytes += len(chunk)
                yield chunk

    async def _next_chunk(self, stream: AsyncGenerator[bytes, None], deadline: float) -> bytes:
        """Return the next chunk, which is empty at the end of the body."""
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(stream, b"")
        except TimeoutError as error:
            timeout_s = self._settings.upload_timeout_s
            raise UploadTimeout(
                f"received only {self.held_bytes} bytes of the body in {timeout_s:g} s; send a "
                "smaller image, or use a faster connection"
            ) from error

    def _unsupported(self, expected: str) -> UnsupportedImage:
        given = self._media_type or "missing"
        return UnsupportedImage(f"the Content-Type is {given}; send {expected}")


def _require_image(part: FormPart, expected: str) -> FormPart:
    """Raise InvalidParams for a part that is not an image."""
    if part.name != IMAGE_PART or part.filename is None:
        kind = "field" if part.filename is None else "file"
        raise InvalidParams(
            f"unexpected {kind} {part.name!r} in the form; send {expected}; parameters go into the "
            "query string"
        )
    return part


def _check_body_size(count: int, max_bytes: int) -> None:
    if count > max_bytes:
        raise ImageTooLarge(
            f"the body has more than the {max_bytes} bytes allowed; scale the image down or "
            "compress it more"
        )


@asynccontextmanager
async def watch_disconnect(request: Request) -> AsyncIterator[asyncio.Future[None]]:
    """Yield a future that is done once the client disconnects; the body must have been read."""
    disconnected = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        yield disconnected
    finally:
        disconnected.cancel()


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
