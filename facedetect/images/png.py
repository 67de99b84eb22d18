"""The chunks of a PNG file."""

from __future__ import annotations

from facedetect.images.limits import ImageLimits
from facedetect.images.slim import Pieces, Slim, check_frame_count, ends_too_early

_SIGNATURE_BYTES = 8
# Length, name and checksum around a chunk's content.
_CHUNK_BYTES = 12
_FOR_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_EXIF = b"eXIf"
_ANIMATION = b"acTL"
_END = b"IEND"


def slim_png(data: bytes, limits: ImageLimits) -> Slim:
    """Keep the chunks that the pixels of the first frame need.

    Texts and colour profiles, which may be compressed bombs, are not looked into.
    Raises ImageTooLarge for an animation, InvalidImage for a file that ends too early.
    """
    kept, exif = [data[:_SIGNATURE_BYTES]], b""
    pieces, at = Pieces(data), _SIGNATURE_BYTES
    while at + _CHUNK_BYTES <= len(data):
        pieces.count()
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + _CHUNK_BYTES + length
        if end > len(data):
            break
        content = slice(at + 8, end - 4)
        if name in _FOR_PIXELS or name == _END:
            kept.append(data[at:end])
        elif name == _EXIF:
            exif = exif or data[content]
        elif name == _ANIMATION:
            check_frame_count("PNG", int.from_bytes(data[content][:4]), limits)
        if name == _END:
            return Slim(b"".join(kept), exif)
        at = end
    raise ends_too_early()
