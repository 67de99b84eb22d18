"""TIFF files: find the page with the picture, and choose its decoder."""

from __future__ import annotations

import io
import struct

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from facedetect.errors import InvalidImage, UnsupportedImage
from facedetect.images.limits import ImageLimits, check_frame_count, truncated_error
from facedetect.images.tiff_directory import TiffDirectory, TiffLayout, read_pages
from facedetect.images.tiff_samples import (
    COMPRESSIONS,
    SampledTiff,
    describe_layout,
    is_known_layout,
)

_SUBFILE, _OLD_SUBFILE = 254, 255
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR = 273, 277, 278, 279, 284
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS = 322, 323, 324
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339
_ONE_PLANE, _RAW = 1, 1
_PALETTE, _YCBCR, _LAB = 3, 6, 8

# Samples and bits per sample, in one plane and without alpha.
_PILLOW_LAYOUTS = {(1,), (1, 1), (1, 2), (1, 4), (1, 8), (3, 8)}
# Codecs for whole pictures rather than samples, and those for black and white.
_JPEG, _FAX = 7, {2, 3, 4}
_REFUSED_COMPRESSIONS = {
    6: "old-style JPEG", 34661: "JBIG", 34712: "JPEG 2000", 33003: "JPEG 2000", 33005: "JPEG 2000",
    34887: "LERC", 34892: "lossy DNG", 50001: "WebP", 52546: "JPEG XL",
}  # fmt: skip


def open_tiff(data: bytes, limits: ImageLimits) -> Image.Image:
    """Open the first page with a picture; skip thumbnails, smaller copies and masks.

    Raises ImageTooLarge for several pages, UnsupportedImage for an unsupported layout.
    """
    try:
        pages = list(read_pages(data))
    except struct.error as error:
        raise truncated_error() from error
    pictures = [page for page in pages if not _is_reduced_or_mask(page)] or pages
    if not pictures:
        raise InvalidImage("the TIFF file has no pages; send the original, complete file")
    check_frame_count("TIFF", len(pictures), limits)
    return open_page(data, pictures[0])


def open_page(data: bytes, page: TiffDirectory) -> Image.Image:
    """Open one page; raises UnsupportedImage, or whatever Pillow raises."""
    compression = page.number(_COMPRESSION, _RAW)
    if compression not in {*COMPRESSIONS, *_FAX, _JPEG}:
        name = _REFUSED_COMPRESSIONS.get(compression, f"unknown ({compression})")
        raise UnsupportedImage(
            f"the TIFF file uses {name} compression, which is not supported; "
            "save it with LZW or deflate"
        )
    if len(page.numbers(_TILE_OFFSETS) or page.numbers(_STRIP_OFFSETS)) < _needed_parts(page):
        raise truncated_error()  # Pillow would leave the rest black
    if compression in _FAX and _ends_behind(page, len(data)):
        raise truncated_error()  # libtiff would leave the rest white
    if not _is_left_to_pillow(page, compression):
        if not is_known_layout(page):
            raise _unsupported(page)
        return SampledTiff(data, page)
    try:
        return TiffImageFile(io.BytesIO(_starting_with(data, page)))
    except SyntaxError as error:
        raise _unsupported(page) from error


def _is_reduced_or_mask(page: TiffDirectory) -> bool:
    is_marked = page.number(_SUBFILE) & (_REDUCED | _MASK)
    return bool(is_marked) or page.number(_OLD_SUBFILE) == _OLD_REDUCED


def _is_left_to_pillow(page: TiffDirectory, compression: int) -> bool:
    """Return whether Pillow decodes it correctly: up to 8 bits, without extra samples."""
    if page.layout == TiffLayout(">", is_big=True):  # Pillow reads its offsets as 32 bits
        return False
    if compression in _FAX:
        return page.number(_SAMPLES, 1) == page.number(_BITS, 1) == 1
    if compression == _JPEG or page.number(_PHOTOMETRIC) in {_PALETTE, _LAB}:
        return True
    if page.number(_PHOTOMETRIC) == _YCBCR:
        return compression != _RAW  # Pillow ignores its chroma subsampling
    return (
        (page.number(_SAMPLES, 1), *set(page.numbers(_BITS))) in _PILLOW_LAYOUTS
        and set(page.numbers(_SAMPLE_FORMAT)) <= {1}
        and page.number(_PLANAR, _ONE_PLANE) == _ONE_PLANE
        and not page.numbers(_EXTRA_SAMPLES)
    )


def _ends_behind(page: TiffDirectory, end: int) -> bool:
    """Return whether a strip extends beyond the end of the file."""
    places = zip(page.numbers(_STRIP_OFFSETS), page.numbers(_STRIP_BYTES), strict=False)
    return any(start + size > end for start, size in places)


def _needed_parts(page: TiffDirectory) -> int:
    """Return how many strips or tiles make up the page."""
    width, height = page.number(_WIDTH), page.number(_LENGTH)
    tile_width = page.number(_TILE_WIDTH) or width
    rows = page.number(_TILE_LENGTH) or page.number(_ROWS) or height
    planes = 1 if page.number(_PLANAR, _ONE_PLANE) == _ONE_PLANE else page.number(_SAMPLES, 1)
    if not width or not height:
        raise InvalidImage("the TIFF file does not give its size; send the original, complete file")
    return planes * -(-width // tile_width) * -(-height // rows)


def _starting_with(data: bytes, page: TiffDirectory) -> bytes:
    """Return the file with this page as its first."""
    layout = page.layout
    offset, at = struct.pack(layout.offset, page.at), layout.first_offset_at
    if data.startswith(offset, at):
        return data
    return data[:at] + offset + data[at + len(offset) :]


def _unsupported(page: TiffDirectory) -> UnsupportedImage:
    return UnsupportedImage(
        f"the TIFF file has {describe_layout(page)}, which is not supported; "
        "save it as RGB or greyscale with 8 or 16 bits"
    )
