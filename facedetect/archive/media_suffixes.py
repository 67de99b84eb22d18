"""Which files are pictures and videos, by their names, and which formats can be written."""

from __future__ import annotations

from facedetect.images import ENCODED_SUFFIXES
from facedetect.video import CONTAINERS

IMAGE_SUFFIXES = frozenset(
    {
        *ENCODED_SUFFIXES, ".apng", ".avif", ".dib", ".gif", ".heic", ".heics", ".heif", ".hif",
        ".j2k", ".jp2", ".jxl",
    }
)  # fmt: skip
VIDEO_SUFFIXES = frozenset(CONTAINERS) | {
    ".3g2", ".3gp", ".3gpp", ".asf", ".avi", ".flv", ".m2t", ".m2ts", ".mod", ".mpe", ".mpeg",
    ".mpg", ".mts", ".mxf", ".ogv", ".tod", ".ts", ".vob", ".wmv",
}  # fmt: skip


def added_suffix(suffix: str) -> str:
    """Return what a result's name gets after its source's suffix; "" if it can be written as is."""
    if suffix in VIDEO_SUFFIXES:
        return "" if suffix in CONTAINERS else ".mp4"
    return "" if suffix in ENCODED_SUFFIXES else ".png"
