"""What a video says of itself: titles, places, times, languages, chapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
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


def copy_tags(source: InputContainer, output: OutputContainer) -> None:
    """Copy the whole video's tags and chapters."""
    output.metadata.update(_kept(source.metadata))
    output.set_chapters(source.chapters())


def copy_stream_tags(source: Stream, stream: Stream) -> None:
    """Copy one stream's: its language, its title."""
    stream.metadata.update(_kept(source.metadata))


def _kept(tags: dict[str, str]) -> dict[str, str]:
    kept = {}
    for name, value in tags.items():
        short = name.removeprefix(_APPLE)
        if name not in _OF_THE_FILE and not name.startswith(_STATISTICS):
            kept[_APPLE_NAMES.get(short, short)] = value
    return kept
