"""Memory shared by a video's decoder and its parent: several frames."""

from __future__ import annotations

import mmap
import os
from typing import Self

import numpy as np

from facedetect.images import BGRImage, ImageLimits
from facedetect.sandbox.shared_memory import create_sealed, whole_pages

_CHANNELS = 3


class FrameMemory:
    """Places for frames, numbered from 0. Pages are allocated when first written."""

    def __init__(self, fd: int, limits: ImageLimits) -> None:
        self.fd = fd
        self._place = _place_bytes(limits)
        self._view = memoryview(mmap.mmap(fd, os.fstat(fd).st_size))

    @classmethod
    def create(cls, places: int, limits: ImageLimits) -> Self:
        """Create memory for frames within these limits."""
        return cls(create_sealed(places * _place_bytes(limits)), limits)

    def pixels(self, place: int, height: int, width: int) -> BGRImage:
        """Return a place's upright image; raises ValueError if it does not fit."""
        count = _CHANNELS * height * width
        if min(height, width) < 1 or count > self._place:
            raise ValueError(f"no room for {width}x{height} pixels")
        region = self._view[place * self._place :][:count]
        # Not `np.frombuffer(...).reshape`: parts of such an array would not refer to it.
        return np.ndarray((height, width, _CHANNELS), np.uint8, buffer=region)

    def close(self) -> None:
        """Close the file; arrays of its pixels remain valid."""
        os.close(self.fd)


def _place_bytes(limits: ImageLimits) -> int:
    return whole_pages(_CHANNELS * limits.max_pixels)
