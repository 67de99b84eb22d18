"""Decode untrusted files in separate processes whose time and memory the kernel limits.

A decoder is a library of a hundred thousand lines that trusts its input. Whatever it does, its
process has a limited number of seconds and bytes, cannot open files or connections, and is killed
and replaced when it exceeds its limits. Needs Linux.
"""

from __future__ import annotations

import sys


def is_supported() -> bool:
    """Return whether this system supports it: it needs Linux's sealed shared memory."""
    return sys.platform == "linux"
