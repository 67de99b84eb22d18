"""Bounds on what decoding a HEIC or AVIF file takes."""

from __future__ import annotations

from facedetect.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from facedetect.images.av1 import read_coded_sizes
from facedetect.images.isobmff import HeifItem, HeifItems, InvalidBox, Span, read_boxes, read_items
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
    pieces = PieceCounter(data)
    meta, _ = _find_meta(data, pieces)
    _check_items(_read_items(data, meta, pieces), limits)
    return StrippedFile.whole(data)


def strip_avif(data: bytes, limits: ImageLimits) -> StrippedFile:
    """Check the size that the pictures are coded with, by the boxes and by the AV1 streams.

    Raises ImageTooLarge, UnsupportedImage for an animation, InvalidImage for invalid boxes.
    """
    pieces = PieceCounter(data)
    meta, has_movie = _find_meta(data, pieces)
    if has_movie:
        raise UnsupportedImage("the AVIF file is an animation; send one picture")
    items = _read_items(data, meta, pieces)
    _check_items(items, limits)
    for item in items.values():
        if item.item_type == _AV1:
            _check_stream(b"".join(data[slice(*extent)] for extent in item.extents), pieces, limits)
    return _without_exif(data, items)


def read_heif_exif(data: bytes) -> bytes:
    """The EXIF data of a HEIC or AVIF file that was checked before; empty if there is none."""
    pieces = PieceCounter(data)
    meta, _ = _find_meta(data, pieces)
    for item in _read_items(data, meta, pieces).values():
        if item.item_type == _EXIF:
            content = b"".join(data[slice(*extent)] for extent in item.extents)
            return content[4 + int.from_bytes(content[:4]) :]
    return b""


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
    for type_at in sorted(item.type_at for item in items.values() if item.item_type == _EXIF):
        stripped.keep(start, type_at)
        stripped.keep(*_NO_ITEM_TYPE)
        start = type_at + len(_EXIF)
    stripped.keep(start, len(data))
    return stripped


def _find_meta(data: bytes, pieces: PieceCounter) -> tuple[Span, bool]:
    """The span of the file's `meta` box, and whether there is a movie, too.

    What follows the boxes may be anything, but a box of pixels that is cut off is an error.
    """
    metas: list[Span] = []
    has_movie = False
    try:
        for kind, span in read_boxes(data, (0, len(data)), pieces):
            metas += [span] if kind == b"meta" else []
            has_movie |= kind == b"moov"
    except InvalidBox as error:
        if error.kind in {b"meta", b"mdat", b"moov"}:
            raise truncated_error() from error
    if len(metas) != 1:
        raise InvalidImage(f"the image file has {len(metas)} meta boxes, not one; save it again")
    return metas[0], has_movie


def _read_items(data: bytes, meta: Span, pieces: PieceCounter) -> HeifItems:
    try:
        items = read_items(data, meta, pieces)
    except InvalidBox as error:
        raise InvalidImage(f"the image file's boxes are invalid: {error}; save it again") from error
    extents = [extent for item in items.values() for extent in item.extents]
    if any(end > len(data) for _, end in extents):
        raise truncated_error()
    if sum(end - start for start, end in extents) > _MAX_USES_OF_A_BYTE * len(data):
        raise InvalidImage("the image file's items overlap; save it again")
    return items


def _check_items(items: HeifItems, limits: ImageLimits) -> None:
    """Bound what decoding any of the pictures would cost."""
    for item in list(items.values()):
        if item.item_type in _CODED and not item.sizes_wh:
            raise InvalidImage("the image file does not say the size of a picture; save it again")
        for width, height in item.sizes_wh:
            check_pixel_count(width, height, limits)
        if item.item_type in _DERIVED:
            _check_parts([items[part_id] for part_id in item.part_ids], limits)


def _check_parts(parts: list[HeifItem], limits: ImageLimits) -> None:
    if any(part.item_type not in _CODED for part in parts):
        raise UnsupportedImage(
            "the image is assembled from parts that are assembled themselves, which is not "
            "supported; send it as a JPEG"
        )
    pixels, max_pixels = sum(part.max_pixels for part in parts), _MAX_PART_SHARE * limits.max_pixels
    if pixels > max_pixels:
        raise ImageTooLarge(
            f"the image is assembled from parts with {pixels} pixels in total, more than the "
            f"{max_pixels} allowed; scale it down"
        )
