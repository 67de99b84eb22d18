"""Importing PyAV, and telling which of its errors are a video's fault."""

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
            "videos need PyAV, which is not installed; run pip install 'facedetect[video]', or "
            "skip videos with --no-videos"
        ) from error
    # SVT-AV1 logs to standard error whatever FFmpeg's log level is; 1 means errors only.
    os.environ.setdefault("SVT_LOG", "1")
    module: ModuleType = av
    return module


def av_errors() -> tuple[type[Exception], ...]:
    """The exceptions that PyAV raises for a video: FFmpeg's, and its own for unexpected numbers.

    Some of FFmpeg's are OSErrors as well. Python's own OSErrors, from files that PyAV reads or
    writes through, are not among them.
    """
    return import_av().FFmpegError, ValueError, IndexError, OverflowError


def ffmpeg_reason(error: Exception) -> str:
    """FFmpeg's reason alone: the whole message contains this machine's paths."""
    return getattr(error, "strerror", None) or type(error).__name__
