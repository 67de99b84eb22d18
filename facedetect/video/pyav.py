"""Where PyAV is imported, and what its failures mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def failures_as(told: Callable[[Exception], Exception]) -> Iterator[None]:
    """Around calls of PyAV: where one fails over a video, what `told` makes of it is raised.

    That is FFmpeg's errors, some of which are OSErrors, too, and PyAV's own for numbers that it did
    not expect. `told` may return the error itself. Python's OSErrors, of files that PyAV reads or
    writes through, pass.
    """
    try:
        yield
    except (import_av().FFmpegError, ValueError, IndexError, OverflowError) as error:
        problem = told(error)
        if problem is error:
            raise
        raise problem from error


def invalid(error: Exception) -> InvalidVideo:
    """The error for a file that FFmpeg cannot read."""
    return InvalidVideo(
        f"the video does not decode ({why(error)}); use the original, complete file"
    )


def unsupported_pictures(kind: str) -> UnsupportedVideo:
    """The error for pictures that are not taken; `kind` is FFmpeg's name for their pixels."""
    return UnsupportedVideo(
        f"the video's pictures, of the type {kind}, are not taken; save it as H.264"
    )


def why(error: Exception) -> str:
    """FFmpeg's reason alone: its whole words name the machine's paths."""
    return getattr(error, "strerror", None) or type(error).__name__
