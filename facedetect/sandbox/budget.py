"""What a decoder process may take for one file."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.errors import ImageTooLarge
from facedetect.images import ImageHeader, ImageLimits

_MEGA = 1_000_000

# The slowest of what encoders write: lossless WebP, and AVIF and HEIC at their best compression.
# `tests/nightly/test_decoding_budget.py` measures that all of it fits three times.
_HEADER_CPU_S = 0.5
_CPU_S = 2.0
_CPU_S_PER_MEGAPIXEL = 0.5

_MEMORY = 64 * 2**20
# Pillow has 4 bytes a pixel, a second copy of another type 4, decoders' own planes up to 12.
_MEMORY_PER_PIXEL = 24
_MEMORY_PER_FILE_BYTE = 3


@dataclass(frozen=True)
class Budget:
    """Processor seconds, and bytes of memory beside those that are shared."""

    cpu_s: float
    memory: int


def header_budget(byte_count: int) -> Budget:
    """For reading the header of a file of this length."""
    return Budget(_HEADER_CPU_S, _MEMORY + _MEMORY_PER_FILE_BYTE * byte_count)


def picture_budget(header: ImageHeader, byte_count: int) -> Budget:
    """For decoding a picture, or for encoding one of its results."""
    pixels = header.pixel_count
    return Budget(
        _CPU_S + _CPU_S_PER_MEGAPIXEL * pixels / _MEGA,
        _MEMORY + _MEMORY_PER_FILE_BYTE * byte_count + _MEMORY_PER_PIXEL * pixels,
    )


def decoder_memory(limits: ImageLimits) -> int:
    """The most that one decoder may take, shared memory included, bytes."""
    largest = ImageHeader(limits.max_pixels, 1, "")
    return picture_budget(largest, limits.max_bytes).memory


def over_budget_error(what: str) -> ImageTooLarge:
    """The error for a file whose decoder would need more than it may take."""
    return ImageTooLarge(
        f"the image takes more than {what}, the most for a file and a picture of its size; save it "
        "again as a plain JPEG or PNG, or scale it down"
    )
