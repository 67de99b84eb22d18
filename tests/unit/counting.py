"""Counting how often image files are stripped and opened, without replacing any code."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from PIL.ImageFile import ImageFile

from facedetect.images import bmp, gif, heif, jpeg, png, tiff, webp

STRIP = {
    "JPEG": jpeg.strip_jpeg,
    "PNG": png.strip_png,
    "WEBP": webp.strip_webp,
    "GIF": gif.strip_gif,
    "BMP": bmp.strip_bmp,
    "TIFF": tiff.strip_tiff,
    "AVIF": heif.strip_avif,
    "HEIF": heif.strip_heic,
}
_KINDS = {strip.__code__: kind for kind, strip in STRIP.items()}
_OPEN = ImageFile.__init__.__code__


@contextmanager
def counted_opening() -> Iterator[Counter[str]]:
    """Count "strip KIND" and "open KIND" in this thread and in all that it starts from now on."""
    counts: Counter[str] = Counter()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in _KINDS:
            counts[f"strip {_KINDS[frame.f_code]}"] += 1
        elif event == "call" and frame.f_code is _OPEN:
            counts[f"open {frame.f_locals['self'].format}"] += 1

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield counts
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
