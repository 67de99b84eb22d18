"""Count how often image files are opened, without patching."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from PIL.ImageFile import ImageFile

_OPEN = ImageFile.__init__.__code__


@contextmanager
def counted_opening() -> Iterator[Counter[str]]:
    """Count how often each format is opened in this thread and in threads it starts."""
    counts: Counter[str] = Counter()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is _OPEN:
            counts[frame.f_locals["self"].format] += 1

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield counts
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
