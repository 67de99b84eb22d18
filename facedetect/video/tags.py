"""Copy a video's metadata: titles, places, times, languages, chapters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.container.core import Chapter
    from av.stream import Stream

# Tags that describe the source file rather than its contents: FFmpeg's and Matroska's statistics.
_FILE_TAGS = {
    *("encoder", "major_brand", "minor_version", "compatible_brands", "vendor_id"),
    *("DURATION", "BPS", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "rotate", "timecode"),
}
_STATISTICS_PREFIX = "_STATISTICS_"
# FFmpeg writes the usual names into MOV and MP4, and drops Apple's.
_APPLE_PREFIX = "com.apple.quicktime."
_APPLE_NAMES = {"location.ISO6709": "location"}
# Vorbis's three headers in one block: their number minus one, then the sizes of the first two. The
# first always has 30 bytes.
_VORBIS_SIZES = re.compile(rb"\x02\x1e(\xff*[^\xff])", re.DOTALL)
_VORBIS_IDENTIFICATION_BYTES = 30
_VORBIS_NO_COMMENTS = b"\x03vorbis" + bytes(8) + b"\x01"


def copy_tags(
    source: InputContainer,
    output: OutputContainer,
    streams: Iterable[tuple[Stream, Stream]],
    start_s: Fraction,
) -> None:
    """Copy the tags of the file and of pairs of streams, and the chapters from `start_s` on."""
    output.metadata.update(_select_tags(source.metadata))
    for old, new in streams:
        new.metadata.update(_select_tags(old.metadata))
    chapters = (_shift(chapter, start_s) for chapter in source.chapters())
    output.set_chapters([chapter for chapter in chapters if chapter["end"] > 0])


def strip_vorbis_comments(headers: bytes) -> bytes:
    """Empty the comment header, which has tags and covers; raises ValueError if damaged."""
    sizes = _VORBIS_SIZES.match(headers)
    if sizes is None:
        raise ValueError("the Vorbis headers have no sizes")
    comments_at = sizes.end() + _VORBIS_IDENTIFICATION_BYTES
    identification = headers[sizes.end() : comments_at]
    setup = headers[comments_at + sum(sizes[1]) :]
    if not setup.startswith(b"\x05vorbis"):
        raise ValueError("the Vorbis headers have no setup")
    lengths = bytes([2, _VORBIS_IDENTIFICATION_BYTES, len(_VORBIS_NO_COMMENTS)])
    return lengths + identification + _VORBIS_NO_COMMENTS + setup


def _shift(chapter: Chapter, start_s: Fraction) -> Chapter:
    ticks = round(start_s / (chapter["time_base"] or 1))
    start, end = max(0, chapter["start"] - ticks), chapter["end"] - ticks
    return {**chapter, "start": start, "end": end}


def _select_tags(tags: dict[str, str]) -> dict[str, str]:
    selected = {}
    for name, value in tags.items():
        short = name.removeprefix(_APPLE_PREFIX)
        if name not in _FILE_TAGS and not name.startswith(_STATISTICS_PREFIX):
            selected[_APPLE_NAMES.get(short, short)] = value
    return selected
