"""Strangers' files in processes of their own, whose time and memory the kernel bounds.

A decoder is a library of a hundred thousand lines that trusts what a file says. Whatever it does,
its process may take only so many seconds and bytes, opens no file and no connection, and is ended
and replaced when it is over its limits. Needs Linux.
"""

from __future__ import annotations

import sys


def is_supported() -> bool:
    """Whether this system can: it takes Linux's sealed shared memory."""
    return sys.platform == "linux"
