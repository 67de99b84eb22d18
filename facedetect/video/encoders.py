"""Which encoder makes a video's pictures, and how well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from facedetect.video.read import Pictures, VideoReader

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import OutputContainer

# The bytes depend on their number, so it is the same on all machines.
_THREADS = 4

# FFmpeg's number for "not said", and the matrix of SD video.
_UNSPECIFIED, _BT601 = 2, 6
_RGB = 0
LIMITED, FULL = 1, 2
"""Whether black is 16 or 0."""


@dataclass(frozen=True)
class Encoder:
    """An encoder's name, its options, and the tag that players want in MP4 and MOV."""

    name: str
    options: dict[str, str]
    tag: dict[str, str] = field(default_factory=dict)


# Quality is what each encoder's documentation calls visually lossless, or near it; docs/folders.md
# has what that means in decibels and bytes.
# x264's code for the machine's own instructions does not always count the same, not even there.
_H264 = Encoder("libx264", {"crf": "18", "preset": "medium", "x264-params": "cpu-independent=1"})
_VP9 = Encoder("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4"})
_ENCODERS = {
    "h264": _H264,
    "hevc": Encoder(
        "libx265",
        {"crf": "20", "preset": "medium", "x265-params": "log-level=error"},
        {"mp4": "hvc1", "mov": "hvc1"},
    ),
    "vp8": Encoder("libvpx", {"crf": "8", "b": "20000000", "deadline": "good", "cpu-used": "4"}),
    "vp9": _VP9,
    "av1": Encoder("libsvtav1", {"crf": "25", "preset": "8", "svtav1-params": "lp=4"}),
}


def add_encoder(output: OutputContainer, source: VideoReader, pictures: Pictures) -> VideoStream:
    """Add a stream of the source's codec; where that cannot be written, H.264, or VP9 in WebM.

    Pixels are 8-bit 4:2:0, which every player takes.
    """
    encoder = _encoder_for(source.stream.codec.canonical_name, output)
    stream: VideoStream = output.add_stream(  # type: ignore[assignment]  # by its encoder's name
        encoder.name,
        rate=source.rate,
        options=dict(encoder.options),
        time_base=source.time_base,
    )
    context = stream.codec_context
    context.width, context.height = pictures.width, pictures.height
    context.pix_fmt = "yuv420p"
    context.sample_aspect_ratio = pictures.aspect
    context.thread_count = _THREADS
    context.flags |= _bitexact()
    if output.format.name in encoder.tag:
        context.codec_tag = encoder.tag[output.format.name]
    _copy_colour(source.stream, stream)
    return stream


def _encoder_for(codec: str, output: OutputContainer) -> Encoder:
    if codec in _ENCODERS and codec in output.supported_codecs:
        return _ENCODERS[codec]
    return _H264 if "h264" in output.supported_codecs else _VP9


def _bitexact() -> int:
    from av.codec.context import Flags

    return int(Flags.bitexact)


def _copy_colour(source: VideoStream, stream: VideoStream) -> None:
    """The numbers mean the same colours as before, whatever these are."""
    old, new = source.codec_context, stream.codec_context
    is_full = old.color_range == FULL or (old.pix_fmt or "").startswith("yuvj")
    new.color_range = FULL if is_full else LIMITED
    new.color_primaries, new.color_trc = old.color_primaries, old.color_trc
    # What was RGB gets the matrix that it is converted with.
    new.colorspace = _BT601 if old.colorspace == _RGB else old.colorspace
