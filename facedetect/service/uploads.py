"""Request bodies, read within limits on their size, their pace and the memory of all of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from facedetect.errors import (
    ImageTooLarge,
    InvalidParams,
    Overloaded,
    UnsupportedEncoding,
    UnsupportedImage,
    UploadTimeout,
)
from facedetect.service import forms, json_bodies
from facedetect.service.forms import FormPart, read_form
from facedetect.service.json_bodies import SentImage, max_json_bytes, parse_json_image
from facedetect.service.request_context import current_request, time_stage
from facedetect.settings import ServiceSettings

IMAGE_PART = "image"
_ONE_IMAGE = f"one file named {IMAGE_PART!r}, as in curl -F {IMAGE_PART}=@photo.jpg"
_SEVERAL_IMAGES = (
    f"files named {IMAGE_PART!r}, as in curl -F {IMAGE_PART}=@a.jpg -F {IMAGE_PART}=@b.jpg"
)

# What does not say more than that it is bytes, or nothing at all (RFC 9110, section 8.3).
_ANY_BYTES = {"", "application/octet-stream", "binary/octet-stream"}

# What a form may add to each image: boundaries and the headers of its part.
_FORM_OVERHEAD_BYTES = 16 * 2**10


class Uploads:
    """Reads bodies: at most `max_upload_memory` bytes at once, none slower than allowed."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self._memory = _SharedMemory(settings.max_upload_memory)
        self._json_limiter = CapacityLimiter(1)

    @property
    def held_bytes(self) -> int:
        """The memory held by all uploads."""
        return self._memory.held_bytes

    @contextmanager
    def open(self, request: Request) -> Iterator[Upload]:
        """Open the body of a request, whose bytes count as held until the block ends."""
        upload = Upload(request, self.settings, self._memory, self._json_limiter)
        try:
            yield upload
        finally:
            upload.free()


class _SharedMemory:
    """Bytes that callers hold: no caller more than what is still free.

    So one caller alone gets half, two a third each, and something is left for the next one.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: Counter[str] = Counter()

    @property
    def held_bytes(self) -> int:
        return self._held.total()

    def hold(self, caller_id: str, count: int) -> None:
        """Hold more bytes for a caller. Raises Overloaded if that would exceed its share."""
        free = self._max_bytes - self.held_bytes
        if self._held[caller_id] + count > free:
            raise Overloaded(
                f"your uploads hold {self._held[caller_id]} bytes, and no caller may hold more "
                f"than what is still free of {self._max_bytes}; retry in 1 s",
                reason="upload_memory",
            )
        self._held[caller_id] += count

    def free(self, caller_id: str, count: int) -> None:
        """Free bytes that a caller holds."""
        self._held[caller_id] -= count
        if not self._held[caller_id]:
            del self._held[caller_id]


class Upload:
    """The body of one request."""

    def __init__(
        self,
        request: Request,
        settings: ServiceSettings,
        memory: _SharedMemory,
        json_limiter: CapacityLimiter,
    ) -> None:
        self.held_bytes = 0
        self._json_limiter = json_limiter
        self._caller_id = current_request().caller_id
        self._memory = memory
        self._settings = settings
        self._request = request
        self._content_type = request.headers.get("content-type", "")
        self._media_type = self._content_type.split(";")[0].strip().lower()

    def free(self) -> None:
        """Count the bytes as held no longer."""
        self._memory.free(self._caller_id, self.held_bytes)
        self.held_bytes = 0

    def pass_to_caller(self) -> None:
        """Count the bytes as those of the caller, who is known by now. Raises Overloaded."""
        held = self.held_bytes
        self.free()
        self._caller_id = current_request().caller_id
        self._hold(held)

    def _hold(self, count: int) -> None:
        self._memory.hold(self._caller_id, count)
        self.held_bytes += count

    async def read_image(self) -> SentImage:
        """Return the one image: a form's part `image`, the whole body, or base64 in JSON.

        Only JSON has parameters with it.

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
            return SentImage(images[0].data, {})
        if self._media_type == json_bodies.MEDIA_TYPE:
            return await self._read_json()
        if self._media_type.startswith("image/") or self._media_type in _ANY_BYTES:
            body = self._read(self._settings.max_image_bytes)
            return SentImage(b"".join([chunk async for chunk in body]), {})
        raise self._unsupported(
            f"{forms.MEDIA_TYPE} with a part named {IMAGE_PART!r}, the image itself as image/*, or "
            f"{json_bodies.MEDIA_TYPE} with base64"
        )

    async def _read_json(self) -> SentImage:
        """Base64 and image are both in memory for a moment: of one body at a time."""
        share = self._settings.max_upload_memory // 2  # all that a caller can get
        body = self._read(min(max_json_bytes(self._settings.max_image_bytes), share))
        text = b"".join([chunk async for chunk in body])
        return await to_thread.run_sync(parse_json_image, text, limiter=self._json_limiter)

    async def read_batch(self) -> list[FormPart]:
        """Return the images of a form: up to `max_batch_images`, in a third of the memory allowed.

        Raises like `read_image`.
        """
        max_parts = self._settings.max_batch_images
        max_image = self._settings.max_image_bytes
        # Its caller gets half if nobody else has any, and a third beside one other.
        share = self._settings.max_upload_memory // 3
        max_bytes = min(max_parts * max_image, max(max_image, share))
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
        self._check_encoding()
        announced = self._request.headers.get("content-length", "")
        if announced.isdecimal():
            _check_body_size(int(announced), max_bytes)
        pace = _Pace(self._settings.stall_timeout_s, self._settings.min_transfer_rate)
        stream = self._request.stream()
        with time_stage("upload"):
            while chunk := await self._next_chunk(stream, pace):
                _check_body_size(self.held_bytes + len(chunk), max_bytes)
                self._hold(len(chunk))
                pace.count(len(chunk))
                yield chunk

    def _check_encoding(self) -> None:
        """Raise UnsupportedEncoding for a compressed body: images are compressed themselves."""
        given = self._request.headers.get("content-encoding", "").strip()
        if given.lower() not in {"", "identity"}:
            raise UnsupportedEncoding(
                f"the Content-Encoding is {given[:40]!r}; send the image as it is, without one"
            )

    async def _next_chunk(self, stream: AsyncGenerator[bytes, None], pace: _Pace) -> bytes:
        """Return the next chunk, which is empty at the end of the body."""
        try:
            async with asyncio.timeout_at(pace.deadline):
                return await anext(stream, b"")
        except TimeoutError as error:
            raise UploadTimeout(
                f"received {self.held_bytes} bytes of the body, and in the last "
                f"{self._settings.stall_timeout_s:g} s fewer than "
                f"{self._settings.min_transfer_rate} a second; send a smaller image, or use a "
                "faster connection"
            ) from error

    def _unsupported(self, expected: str) -> UnsupportedImage:
        given = self._media_type or "missing"
        return UnsupportedImage(f"the Content-Type is {given}; send {expected}")


class _Pace:
    """A deadline that moves on whenever enough bytes have arrived to meet the minimum rate.

    A mean over the whole body would let those who have sent much stand still for long.
    """

    def __init__(self, stall_timeout_s: float, min_rate: int) -> None:
        self._timeout_s = stall_timeout_s
        self._portion = stall_timeout_s * min_rate
        self._restart()

    def count(self, received: int) -> None:
        """Count bytes as they arrive."""
        self._left -= received
        if self._left <= 0:
            self._restart()

    def _restart(self) -> None:
        self._left = self._portion
        self.deadline = asyncio.get_running_loop().time() + self._timeout_s


def _require_image(part: FormPart, expected: str) -> FormPart:
    """Raise InvalidParams for a part that is not an image."""
    if part.name == IMAGE_PART and part.filename is None:
        raise InvalidParams(
            f"the part {IMAGE_PART!r} is text: it has no filename; send it as a file: curl -F "
            f"{IMAGE_PART}=@photo.jpg, or body.append('{IMAGE_PART}', file)"
        )
    if part.name != IMAGE_PART:
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
