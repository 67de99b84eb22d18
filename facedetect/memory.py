"""The C library's memory, for processes that hold one image after the other.

Nothing here does anything where the C library is not glibc.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

# From malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_LARGEST_BUFFER = 32 * 2**20  # glibc takes no more
_KEPT = 64 * 2**20


def keep_freed_buffers() -> None:
    """Keep up to 64 MiB of freed memory at the end of each heap, buffers up to 32 MiB included.

    By default every buffer of an image goes back to the system, and the next image's pages are
    made and zeroed anew: a tenth of a request's time.
    """
    mallopt = _c_function("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_BUFFER)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)


def give_back_freed() -> None:
    """Give all freed memory back to the system, once something large has been loaded."""
    malloc_trim = _c_function("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _c_function(name: str) -> Any:
    """The C library's function of that name; None if it has none."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
