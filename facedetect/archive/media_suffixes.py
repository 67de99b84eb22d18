"""File suffixes of pictures and videos, and the formats that can be written."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from facedetect.images import ENCODED_SUFFIXES
from facedetect.video import CONTAINERS

RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc",
    ".mef", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw",
    ".x3f",
})  # fmt: skip
IMAGE_SUFFIXES = RAW_SUFFIXES | {
    *ENCODED_SUFFIXES, ".apng", ".avif", ".avifs", ".dib", ".gif", ".heic", ".heics", ".heif",
    ".heifs", ".hif", ".j2c", ".j2k", ".jp2", ".jpc", ".jpf", ".jpx", ".jxl",
}  # fmt: skip
VIDEO_SUFFIXES = frozenset(CONTAINERS) | {
    ".3g2", ".3gp", ".3gpp", ".3gpp2", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m1v", ".m2t",
    ".m2ts", ".m2v", ".mod", ".mpe", ".mpeg", ".mpg", ".mpv", ".mts", ".mxf", ".ogm", ".ogv", ".qt",
    ".tod", ".trp", ".ts", ".vob", ".wmv",
}  # fmt: skip
TEXT_SUFFIXES = frozenset({".mod", ".mts", ".ts"})
"""Video suffixes that are also used for text: TypeScript, translations, Go modules."""


# Bytes never found in text: control characters except tab, line ends and form feed.
_CONTROL = re.compile(r"[\0-\x08\x0b\x0e-\x1f]")
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def suffix_of(name: str) -> str:
    """Return the suffix in lower case, with its dot."""
    return PurePosixPath(name).suffix.lower()


def is_text(data: bytes) -> bool:
    """Return whether a file is non-empty text in UTF-8 or UTF-16."""
    try:
        text = data.decode("utf-16" if data.startswith(_UTF_16_MARKS) else "utf-8")
    except UnicodeDecodeError:
        return False
    return bool(text) and not _CONTROL.search(text)


def is_video(name: str) -> bool:
    """Return whether the file is a video, by its suffix."""
    return suffix_of(name) in VIDEO_SUFFIXES


def added_suffix(name: str) -> str:
    """Return what to append to a source's name for its result; "" if its format can be written."""
    suffix = suffix_of(name)
    if suffix in VIDEO_SUFFIXES:
        return "" if suffix in CONTAINERS else ".mp4"
    if suffix in RAW_SUFFIXES:  # their preview is a JPEG
        return ".jpg"
    return "" if suffix in ENCODED_SUFFIXES else ".png"
