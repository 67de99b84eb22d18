"""What a video says of itself: titles, places, times, languages, chapters."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.container.core import Chapter
    from av.stream import Stream

# What tells of the file that was, not of what it shows; FFmpeg's names, and Matroska's statistics.
_OF_THE_FILE = {
    *("encoder", "major_brand", "minor_version", "compatible_brands", "vendor_id"),
    *("DURATION", "BPS", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "rotate", "timecode"),
}
_STATISTICS = "_STATISTICS_"
_APPLE = "com.apple.quicktime."
# FFmpeg writes the usual names into MOV and MP4, Apple's are lost.
_APPLE_NAMES = {"location.ISO6709": "location"}
# Vorbis's headers in one piece: how many there are less one, how long the first two are.
_VORBIS_SIZES = re.compile(rb"\x02(\xff*[^\xff])(\xff*[^\xff])", re.DOTALL)
_IDENTIFICATION_BYTES = 30
_NO_COMMENTS = b"\x03vorbis" + bytes(8) + b"\x01"


def copy_tags(source: InputContainer, output: OutputContainer, begin_s: Fraction) -> None:
    """Copy the whole video's tags, and its chapters as they are from `begin_s` on."""
    output.metadata.update(_kept(source.metadata))
    moved = (_moved(chapter, begin_s) for chapter in source.chapters())
    output.set_chapters([chapter for chapter in moved if chapter["end"] > 0])


def copy_stream_tags(source: Stream, stream: Stream) -> None:
    """Copy one stream's: its language, its title."""
    stream.metadata.update(_kept(source.metadata))


def without_comments(headers: bytes) -> bytes | None:
    """Vorbis's headers with an empty second one, which holds tags and covers; None if broken."""
    sizes = _VORBIS_SIZES.match(headers)
    if sizes is None:
        return None
    first, second = (sum(size) for size in sizes.groups())
    begin = sizes.end()
    identification = headers[begin : begin + first]
    setup = headers[begin + first + second :]
    if first != _IDENTIFICATION_BYTES or not setup.startswith(b"\x05vorbis"):
        return None
    return bytes([2, first, len(_NO_COMMENTS)]) + identification + _NO_COMMENTS + setup


def _moved(chapter: Chapter, begin_s: Fraction) -> Chapter:
    ticks = round(begin_s / (chapter["time_base"] or 1))
    start, end = max(0, chapter["start"] - ticks), chapter["end"] - ticks
    return {**chapter, "start": start, "end": end}


def _kept(tags: dict[str, str]) -> dict[str, str]:
    kept = {}
    for name, value in tags.items():
        short = name.removeprefix(_APPLE)
        if name not in _OF_THE_FILE and not name.startswith(_STATISTICS):
            kept[_APPLE_NAMES.get(short, short)] = value
    return kept
