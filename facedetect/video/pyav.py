"""Where PyAV is imported, and what its failures mean."""

from __future__ import annotations

import os
from types import ModuleType

from facedetect.errors import InvalidVideo, UnsupportedVideo


def import_av() -> ModuleType:
    """Return the module `av`; raises UnsupportedVideo if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise UnsupportedVideo(
            "videos are not taken here; leave them out with --no-videos, or install facedetect "
            "with its extra video"
        ) from error
    # SVT-AV1 tells its life on standard error, and listens to this alone: errors only.
    os.environ.setdefault("SVT_LOG", "1")
    module: ModuleType = av
    return module


def invalid(error: Exception) -> InvalidVideo:
    """The error for a file that FFmpeg cannot read; its own words name the machine's paths."""
    why = getattr(error, "strerror", None) or type(error).__name__
    return InvalidVideo(f"the video does not decode ({why}); use the original, complete file")
