"""Tune the C library's allocator for processes that handle one image after the other.

Has no effect if the C library is not glibc.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

# From malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_LARGEST_BUFFER = 32 * 2**20  # glibc's maximum
_KEPT = 64 * 2**20


def keep_freed_buffers() -> None:
    """Keep up to 64 MiB of freed memory at the end of each heap, including buffers up to 32 MiB.

    By default, every image buffer is returned to the system, and mapping and zeroing the next
    image's pages takes a tenth of a request's time.
    """
    mallopt = _c_function("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_BUFFER)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)


def give_back_freed() -> None:
    """Return all freed memory to the system, after loading something large."""
    malloc_trim = _c_function("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _c_function(name: str) -> Any:
    """Return the C library's function of that name, or None."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
