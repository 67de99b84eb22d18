"""Bounds on what decoding a HEIC or AVIF file takes."""

from __future__ import annotations

import math

from facedetect.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from facedetect.images.av1 import read_coded_sizes
from facedetect.images.isobmff import BoxReader, HeifItem, HeifItems, InvalidBox, read_items
from facedetect.images.limits import ImageLimits, PieceCounter, check_pixel_count
from facedetect.images.stripped_file import StrippedFile, truncated_error

_DERIVED = {b"grid", b"iovl"}
_CODED = {b"hvc1", b"hev1", b"av01"}
_AV1 = b"av01"
_EXIF = b"Exif"
# Where each of these files says `ftyp`, which is the type of no item.
_NO_ITEM_TYPE = (4, 8)

# Items that share bytes are rare; without a bound, a small file could repeat its bytes endlessly.
_MAX_USES_OF_A_BYTE = 2

# All parts together, as a share of the limit: tiles extend beyond the edges of their image.
_MAX_PART_SHARE = 2


def strip_heic(data: bytes, limits: ImageLimits) -> StrippedFile:
    """Check the size that the pictures are coded with; nothing is stripped.

    The decoder itself refuses pictures coded larger than the file says. Raises ImageTooLarge,
    UnsupportedImage, or InvalidImage for invalid boxes.
    """
    items, _ = _read_items(data, PieceCounter(data))
    _check_items(items, limits)
    return StrippedFile.whole(data)


def strip_avif(data: bytes, limits: ImageLimits) -> StrippedFile:
    """Check the size that the pictures are coded with, by the boxes and by the AV1 streams.

    Raises ImageTooLarge, UnsupportedImage for an animation, InvalidImage for invalid boxes.
    """
    pieces = PieceCounter(data)
    items, has_movie = _read_items(data, pieces)
    if has_movie:
        raise UnsupportedImage("the AVIF file is an animation; send one picture")
    _check_items(items, limits)
    for item in items.values():
        if item.item_type == _AV1:
            _check_stream(b"".join(data[slice(*extent)] for extent in item.extents), pieces, limits)
    return _without_exif(data, items)


def _check_stream(stream: bytes, pieces: PieceCounter, limits: ImageLimits) -> None:
    sizes = read_coded_sizes(stream, pieces)
    if not sizes:
        raise InvalidImage("the AVIF file has no AV1 sequence header; send the original file")
    for width, height in sizes:
        check_pixel_count(width, height, limits)


def _without_exif(data: bytes, items: HeifItems) -> StrippedFile:
    """Change the type of EXIF items, so that the decoder ignores them.

    It refuses a file with damaged EXIF data, and takes the orientation from the boxes anyway.
    """
    stripped, start = StrippedFile(data), 0
    exif = [item for item in items.values() if item.item_type == _EXIF]
    for item in sorted(exif, key=lambda item: item.type_at):
        stripped.keep(start, item.type_at)
        stripped.keep(*_NO_ITEM_TYPE)
        start = item.type_at + len(_EXIF)
    stripped.keep(start, len(data))
    if exif and exif[0].extents:
        (start, end), *more = exif[0].extents
        offset = int.from_bytes(data[start : start + 4])
        stripped.exif_spans = [(start + 4 + offset, end), *more]
    return stripped


def _read_items(data: bytes, pieces: PieceCounter) -> tuple[HeifItems, bool]:
    """The items of the file's `meta` box, and whether there is a movie, too."""
    metas: list[BoxReader] = []
    has_movie = False
    try:
        for kind, box in BoxReader(data, 0, len(data), pieces).boxes():
            metas += [box] if kind == b"meta" else []
            has_movie |= kind == b"moov"
    except InvalidBox:
        pass  # what follows the boxes may be anything; items tell whether it is their pixels
    if len(metas) != 1:
        raise InvalidImage(
            f"the image file has {len(metas)} meta boxes, not one; send the original, complete file"
        )
    try:
        items = read_items(metas[0])
    except InvalidBox as error:
        raise InvalidImage(f"the image file's boxes are invalid: {error}; save it again") from error
    extents = [extent for item in items.values() for extent in item.extents]
    if any(end > len(data) for _, end in extents):
        raise truncated_error()
    if sum(end - start for start, end in extents) > _MAX_USES_OF_A_BYTE * len(data):
        raise InvalidImage("the image file's items overlap; save it again")
    return items, has_movie


def _check_items(items: HeifItems, limits: ImageLimits) -> None:
    """Bound what decoding any of the pictures would cost."""
    for item in list(items.values()):
        if item.item_type in _CODED and item.largest_wh == (0, 0):
            raise InvalidImage("the image file does not say the size of a picture; save it again")
        check_pixel_count(*item.largest_wh, limits)
        if item.item_type in _DERIVED:
            _check_parts([items[part_id] for part_id in item.part_ids], limits)


def _check_parts(parts: list[HeifItem], limits: ImageLimits) -> None:
    if any(part.item_type not in _CODED for part in parts):
        raise UnsupportedImage(
            "the image is assembled from parts that are assembled themselves, which is not "
            "supported; send it as a JPEG"
        )
    pixels = sum(math.prod(part.largest_wh) for part in parts)
    max_pixels = _MAX_PART_SHARE * limits.max_pixels
    if pixels > max_pixels:
        raise ImageTooLarge(
            f"the image is assembled from parts with {pixels} pixels in total, more than the "
            f"{max_pixels} allowed; scale it down"
        )
