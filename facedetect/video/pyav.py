"""Import PyAV, and tell which of its errors a video causes."""

from __future__ import annotations

import os
from types import ModuleType

from facedetect.errors import UnsupportedVideo


def import_av() -> ModuleType:
    """Return the module `av`; raises UnsupportedVideo if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise UnsupportedVideo(
            "videos need PyAV, which is not installed; run pip install 'facedetect[video]', or in "
            "a checkout .venv/bin/pip install '.[video]'"
        ) from error
    # SVT-AV1 logs to standard error regardless of FFmpeg's log level; 1 means errors only.
    os.environ.setdefault("SVT_LOG", "1")
    module: ModuleType = av
    return module


def av_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions PyAV raises for a video: FFmpeg's, and its own for bad values.

    Some of FFmpeg's are also OSErrors. Python's own OSErrors, from the files that PyAV reads and
    writes, are not included. One of FFmpeg's is a MemoryError, which is not the video's fault where
    memory is limited: catch it first.
    """
    return import_av().FFmpegError, ValueError, IndexError, OverflowError


def ffmpeg_reason(error: Exception) -> str:
    """Return only FFmpeg's reason: the full message contains local paths."""
    return getattr(error, "strerror", None) or type(error).__name__
