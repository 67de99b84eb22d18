"""How much there is to decode in HEIC and AVIF files."""

from __future__ import annotations

from facedetect.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from facedetect.images.av1 import coded_sizes
from facedetect.images.boxes import BrokenBoxes, Item, Items, Span, read_boxes, read_items
from facedetect.images.limits import ImageLimits, check_pixel_count
from facedetect.images.slim import Pieces, Slim, ends_too_early

_ASSEMBLED = {b"grid", b"iovl"}
_CODED = {b"hvc1", b"hev1", b"av01"}
_AV1 = b"av01"
_EXIF, _IGNORED = b"Exif", b"none"

# Items that share bytes are rare; without a bound, small files could repeat theirs to any length.
_USES_OF_EACH_BYTE = 2

# Tiles reach over the edges of what they make up.
_PARTS_PER_IMAGE = 2


def slim_heic(data: bytes, limits: ImageLimits) -> Slim:
    """Check what the pictures in a HEIC file are coded as; nothing is left out.

    Its decoder refuses those that are coded larger than the file says. Raises ImageTooLarge,
    UnsupportedImage, or InvalidImage for broken boxes.
    """
    pieces = Pieces(data)
    meta, _ = _open_boxes(data, pieces)
    _check_items(_items(data, meta, pieces), limits)
    return Slim(data)


def slim_avif(data: bytes, limits: ImageLimits) -> Slim:
    """Check what the pictures in an AVIF file are coded as, in their streams, too.

    Raises ImageTooLarge, UnsupportedImage for an animation, InvalidImage for broken boxes.
    """
    pieces = Pieces(data)
    meta, is_film = _open_boxes(data, pieces)
    if is_film:
        raise UnsupportedImage("the AVIF file is an animation; send one picture")
    items = _items(data, meta, pieces)
    _check_items(items, limits)
    for item in items.values():
        if item.kind == _AV1:
            _check_stream(b"".join(data[slice(*extent)] for extent in item.extents), pieces, limits)
    return Slim(_without_exif(data, items))


def read_heif_exif(data: bytes) -> bytes:
    """The EXIF data of a HEIC or AVIF file that was checked before; empty if there is none."""
    pieces = Pieces(data)
    meta, _ = _open_boxes(data, pieces)
    for item in _items(data, meta, pieces).values():
        if item.kind == _EXIF:
            content = b"".join(data[slice(*extent)] for extent in item.extents)
            return content[4 + int.from_bytes(content[:4]) :]
    return b""


def _check_stream(stream: bytes, pieces: Pieces, limits: ImageLimits) -> None:
    sizes = coded_sizes(stream, pieces)
    if not sizes:
        raise InvalidImage("the image file lacks the header of its pixels; send the original")
    for width, height in sizes:
        check_pixel_count(width, height, limits)


def _without_exif(data: bytes, items: Items) -> bytes:
    """Call EXIF data something else: broken, it would be an error, and the boxes say what is up."""
    places = [item.kind_at for item in items.values() if item.kind == _EXIF]
    changed = bytearray(data) if places else data
    for place in places:
        memoryview(changed)[place : place + len(_IGNORED)] = _IGNORED
    return bytes(changed)


def _open_boxes(data: bytes, pieces: Pieces) -> tuple[Span, bool]:
    """Where the file's `meta` is, and whether there is a film, too.

    What follows the boxes may be anything, but a box of pixels that is cut is told.
    """
    metas: list[Span] = []
    is_film = False
    try:
        for kind, span in read_boxes(data, (0, len(data)), pieces):
            metas += [span] if kind == b"meta" else []
            is_film |= kind == b"moov"
    except BrokenBoxes as error:
        if error.kind in {b"meta", b"mdat", b"moov"}:
            raise ends_too_early() from error
    if len(metas) != 1:
        raise InvalidImage(f"the image file has {len(metas)} lists of pictures; it must have one")
    return metas[0], is_film


def _items(data: bytes, meta: Span, pieces: Pieces) -> Items:
    try:
        items = read_items(data, meta, pieces)
    except BrokenBoxes as error:
        raise InvalidImage(f"the image file cannot be read: {error}") from error
    extents = [extent for item in items.values() for extent in item.extents]
    if any(end > len(data) for _, end in extents):
        raise ends_too_early()
    if sum(end - start for start, end in extents) > _USES_OF_EACH_BYTE * len(data):
        raise InvalidImage("the image file uses its bytes several times; save it again")
    return items


def _check_items(items: Items, limits: ImageLimits) -> None:
    """Bound what decoding any of the pictures would cost."""
    for item in list(items.values()):
        if item.kind in _CODED and not item.sizes_wh:
            raise InvalidImage("the image file does not say the size of its pictures")
        for width, height in item.sizes_wh:
            check_pixel_count(width, height, limits)
        if item.kind in _ASSEMBLED:
            _check_parts([items[part] for part in item.parts], limits)


def _check_parts(parts: list[Item], limits: ImageLimits) -> None:
    if any(part.kind not in _CODED for part in parts):
        raise UnsupportedImage("the image is assembled from assembled images; send it as a JPEG")
    pixels = sum(part.most_pixels for part in parts)
    if pixels > _PARTS_PER_IMAGE * limits.max_pixels:
        raise ImageTooLarge(
            f"the image is made of parts with {pixels} pixels, where {limits.max_pixels} are "
            "allowed; scale it down"
        )
