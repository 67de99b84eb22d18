"""Freed buffers are reused, if the C library supports it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Touches 20 buffers of 4 MiB one after the other; prints how many pages were made for them.
CODE = """
import resource
from facedetect.memory import keep_freed_buffers
keep_freed_buffers()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytearray(4 * 2**20)
before = faults()
for _ in range(20):
    bytearray(4 * 2**20)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is no glibc here")
def test_pages_are_made_once() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    pages_of_one = 4 * 2**20 // 4096
    assert int(ended.stdout) < pages_of_one
