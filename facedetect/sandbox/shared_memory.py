"""Memory shared by a decoder and its parent: a file's bytes, its pixels and a result."""

from __future__ import annotations

import fcntl
import mmap
import os

import numpy as np

from facedetect.images import BGRImage, ImageLimits

_CHANNELS = 3
# Pages kept for the next picture, to avoid mapping them again: enough for 5 megapixels.
_KEPT_BYTES = 16 * 2**20
# Uncompressed pixels, plus the file's structure and metadata.
_MAX_RESULT_OVERHEAD = 16 * 2**20


class SharedMemory:
    """Three regions: the file, its pixels and the latest result.

    Pages are allocated when first written.
    """

    def __init__(self, fd: int, limits: ImageLimits) -> None:
        self.fd = fd
        self._pixels_at = whole_pages(limits.max_bytes)
        self._result_at = self._pixels_at + whole_pages(_CHANNELS * limits.max_pixels)
        self._map = mmap.mmap(fd, _byte_count(limits))
        self._view = memoryview(self._map)

    @classmethod
    def create(cls, limits: ImageLimits) -> SharedMemory:
        """Create memory for files within these limits."""
        return cls(create_sealed(_byte_count(limits)), limits)

    def write_file(self, data: bytes) -> None:
        """Store the file's bytes."""
        self._view[: len(data)] = data

    def read_file(self, count: int) -> bytes:
        """Return a copy of the file's bytes, so that they cannot change while being parsed."""
        return bytes(self._view[:count])

    def pixels(self, height: int, width: int) -> BGRImage:
        """Return the upright image in place; raises ValueError if it does not fit the region."""
        count = _CHANNELS * height * width
        if min(height, width) < 1 or count > self._result_at - self._pixels_at:
            raise ValueError(f"no room for {width}x{height} pixels")
        region = self._view[self._pixels_at : self._pixels_at + count]
        return np.frombuffer(region, np.uint8).reshape(height, width, _CHANNELS)

    def write_result(self, data: bytes) -> None:
        """Store a result; raises ValueError if it is larger than the region."""
        self._view[self._result_at : self._result_at + len(data)] = data

    def read_result(self, count: int) -> bytes:
        """Return a copy of a result; raises ValueError if it exceeds the region."""
        if not 0 <= count <= len(self._view) - self._result_at:
            raise ValueError(f"no result has {count} bytes")
        return bytes(self._view[self._result_at : self._result_at + count])

    def give_back(self) -> None:
        """Release the pages to the system, except those that most pictures need."""
        for start, end in (
            (0, self._pixels_at),
            (self._pixels_at, self._result_at),
            (self._result_at, len(self._view)),
        ):
            kept = start + _KEPT_BYTES
            if kept < end:
                self._map.madvise(mmap.MADV_REMOVE, kept, end - kept)

    def close(self) -> None:
        """Close the file; arrays of its pixels remain valid."""
        os.close(self.fd)


def _byte_count(limits: ImageLimits) -> int:
    pixels = whole_pages(_CHANNELS * limits.max_pixels)
    return whole_pages(limits.max_bytes) + 2 * pixels + _MAX_RESULT_OVERHEAD


def create_sealed(byte_count: int) -> int:
    """Create memory to share with a decoder; returns its file descriptor.

    Its length is sealed: a compromised decoder cannot shrink what the parent reads.
    """
    fd = os.memfd_create("facedetect", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, byte_count)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return fd


def whole_pages(count: int) -> int:
    """Round a number of bytes up to whole pages."""
    return -(-count // mmap.PAGESIZE) * mmap.PAGESIZE
