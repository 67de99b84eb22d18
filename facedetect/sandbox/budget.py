"""The time and memory that a decoder process may use for one file."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.images import ImageHeader, ImageLimits
from facedetect.video import FrameSize

_MEGA = 1_000_000

# Measured with noise, the worst case, at 2.4 GHz (docs/security.md): photographs take 0.01 (JPEG)
# to 0.04 s per megapixel (HEIC), noise up to 0.12 (HEIC); encoding takes up to 0.3 (WebP).
_HEADER_CPU_S = 0.5
_CPU_S = 2.0
_CPU_S_PER_MEGAPIXEL = 0.3
# Per pixel, JPEG takes 9 bytes, AVIF 15, lossless WebP 27; drawing takes another 3.
_MEMORY = 64 * 2**20
_MEMORY_PER_PIXEL = 30
_MEMORY_PER_FILE_BYTE = 3

# Results encoded like their source may be lossless WebP, which is slow to encode.
_FAITHFUL_CPU_S_PER_MEGAPIXEL = 4.0
_FAITHFUL_MEMORY_PER_PIXEL = 50

# A frame of noise takes up to 0.4 s per megapixel to decode (FFV1), and up to 47 bytes a pixel
# (H.264 with 16 reference frames). The index of a day's video takes 150 MB.
_FRAME_CPU_S = 20.0
_FRAME_CPU_S_PER_MEGAPIXEL = 1.0
_VIDEO_MEMORY = 512 * 2**20
_VIDEO_MEMORY_PER_PIXEL = 100
_OPENING_MEMORY_PER_PIXEL = 24

# Encoders keep up to 70 frames and encode them at the end: noise takes 6 s (H.265) and 850 bytes
# (AV1) for each megapixel and each pixel.
_WRITING_CPU_S = 60.0
_WRITING_CPU_S_PER_MEGAPIXEL = 30.0
_WRITING_MEMORY_PER_PIXEL = 1000


@dataclass(frozen=True)
class Budget:
    """CPU seconds, and bytes of memory in addition to shared memory."""

    cpu_s: float
    memory: int


def header_budget(byte_count: int) -> Budget:
    """Return the budget for reading the header of a file of this size."""
    return Budget(_HEADER_CPU_S, _MEMORY + _MEMORY_PER_FILE_BYTE * byte_count)


def picture_budget(header: ImageHeader, byte_count: int) -> Budget:
    """Return the budget for decoding a picture, drawing on it, or encoding it."""
    pixels = header.pixel_count
    return Budget(
        _CPU_S + _CPU_S_PER_MEGAPIXEL * pixels / _MEGA,
        _MEMORY + _MEMORY_PER_FILE_BYTE * byte_count + _MEMORY_PER_PIXEL * pixels,
    )


def faithful_budget(header: ImageHeader, byte_count: int) -> Budget:
    """Return the budget for encoding a picture like its source."""
    pixels = header.pixel_count
    return Budget(
        _CPU_S + _FAITHFUL_CPU_S_PER_MEGAPIXEL * pixels / _MEGA,
        _MEMORY + _MEMORY_PER_FILE_BYTE * byte_count + _FAITHFUL_MEMORY_PER_PIXEL * pixels,
    )


def opening_budget(limits: ImageLimits) -> Budget:
    """Return the budget for opening a video, before its size is known."""
    pixels = limits.max_pixels
    return Budget(
        _FRAME_CPU_S + _FRAME_CPU_S_PER_MEGAPIXEL * pixels / _MEGA,
        _VIDEO_MEMORY + _OPENING_MEMORY_PER_PIXEL * pixels,
    )


def frame_budget(size: FrameSize) -> Budget:
    """Return the budget for decoding the next frame of a video, with hidden ones before it."""
    pixels = size.width * size.height
    return Budget(
        _FRAME_CPU_S + _FRAME_CPU_S_PER_MEGAPIXEL * pixels / _MEGA,
        _VIDEO_MEMORY + _VIDEO_MEMORY_PER_PIXEL * pixels,
    )


def writing_budget(size: FrameSize) -> Budget:
    """Return the budget for decoding or encoding the next frame of a video that is written."""
    pixels = size.width * size.height
    return Budget(
        _WRITING_CPU_S + _WRITING_CPU_S_PER_MEGAPIXEL * pixels / _MEGA,
        _VIDEO_MEMORY + _WRITING_MEMORY_PER_PIXEL * pixels,
    )
