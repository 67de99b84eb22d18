"""The image in a request: a form's part or the whole body, never more than the limit in memory."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from facedetect.errors import InvalidImage, InvalidParams, UnsupportedImage
from facedetect.images import ImageLimits, check_byte_count

IMAGE_PART = "image"

# What a form may add to the image: boundaries and the part's headers.
_FORM_OVERHEAD_BYTES = 16 * 2**10


class _InMemoryParser(MultiPartParser):
    """Starlette's parser writes larger files to disk; uploads must not get there."""

    spool_max_size = sys.maxsize


async def read_image(request: Request, limits: ImageLimits) -> bytes:
    """Return the bytes of the one image in a request.

    Raises ImageTooLarge as soon as the limit is passed, UnsupportedImage for a body of another
    type, InvalidParams for a form with other parts, InvalidImage for a form that is broken.
    """
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return await _read_form_image(request, limits)
    if media_type.startswith("image/") or media_type == "application/octet-stream":
        return b"".join([chunk async for chunk in _limited(request, limits)])
    raise UnsupportedImage(
        f"the body has the type {media_type or '(none)'}; send multipart/form-data with a part "
        f"named {IMAGE_PART!r}, or the image itself with an image/* type"
    )


async def _read_form_image(request: Request, limits: ImageLimits) -> bytes:
    stream = _limited(request, limits, overhead=_FORM_OVERHEAD_BYTES)
    try:
        form = await _InMemoryParser(request.headers, stream).parse()
    except MultiPartException as error:
        raise InvalidImage(f"the form cannot be read: {error.message}") from error
    try:
        return await _only_image(form)
    finally:
        await form.close()


async def _only_image(form: FormData) -> bytes:
    names = [name for name, _ in form.multi_items()]
    part = form.get(IMAGE_PART)
    if names != [IMAGE_PART] or not isinstance(part, UploadFile):
        raise InvalidParams(
            f"the form has the parts {names}; it takes one file named {IMAGE_PART!r}, as in "
            f"curl -F {IMAGE_PART}=@photo.jpg; parameters go into the query"
        )
    return await part.read()


async def _limited(
    request: Request, limits: ImageLimits, *, overhead: int = 0
) -> AsyncGenerator[bytes, None]:
    """Yield the body's chunks; raises ImageTooLarge at the first byte too many."""
    announced = request.headers.get("content-length", "")
    count = 0
    if announced.isdecimal():
        check_byte_count(int(announced) - overhead, limits)
    async for chunk in request.stream():
        count += len(chunk)
        check_byte_count(count - overhead, limits)
        yield chunk
