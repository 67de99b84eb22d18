"""What a decoder process may take for one file."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.errors import ImageTooLarge
from facedetect.images import ImageHeader

_MEGA = 1_000_000

# Measured with noise, the worst case, at 2.4 GHz (docs/security.md): photographs take 0.01 (JPEG)
# to 0.04 s a megapixel (HEIC), noise up to 0.12 (HEIC); encoding takes up to 0.3 (WebP).
_HEADER_CPU_S = 0.5
_CPU_S = 2.0
_CPU_S_PER_MEGAPIXEL = 0.3
# A JPEG takes 9 bytes a pixel, AVIF 15, lossless WebP 27; three for drawing.
_MEMORY = 64 * 2**20
_MEMORY_PER_PIXEL = 30
_MEMORY_PER_FILE_BYTE = 3

# Results that are encoded as their source is may be lossless WebP, of which encoders are slow.
_FAITHFUL_CPU_S_PER_MEGAPIXEL = 4.0
_FAITHFUL_MEMORY_PER_PIXEL = 50


@dataclass(frozen=True)
class Budget:
    """Processor seconds, and bytes of memory beside those that are shared."""

    cpu_s: float
    memory: int


def header_budget(byte_count: int) -> Budget:
    """For reading the header of a file of this length."""
    return Budget(_HEADER_CPU_S, _MEMORY + _MEMORY_PER_FILE_BYTE * byte_count)


def picture_budget(header: ImageHeader, byte_count: int) -> Budget:
    """For decoding a picture, drawing on it, or encoding it."""
    pixels = header.pixel_count
    return Budget(
        _CPU_S + _CPU_S_PER_MEGAPIXEL * pixels / _MEGA,
        _MEMORY + _MEMORY_PER_FILE_BYTE * byte_count + _MEMORY_PER_PIXEL * pixels,
    )


def faithful_budget(header: ImageHeader, byte_count: int) -> Budget:
    """For encoding a picture in the way of its source."""
    pixels = header.pixel_count
    return Budget(
        _CPU_S + _FAITHFUL_CPU_S_PER_MEGAPIXEL * pixels / _MEGA,
        _MEMORY + _MEMORY_PER_FILE_BYTE * byte_count + _FAITHFUL_MEMORY_PER_PIXEL * pixels,
    )


def over_budget_error(what: str) -> ImageTooLarge:
    """The error for a file whose decoder would need more than it may take."""
    return ImageTooLarge(
        f"the image takes more than {what}, the most for a file and a picture of its size; save it "
        "again as a plain JPEG or PNG, or scale it down"
    )
