"""Choose the encoder and the quality of a video's frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedetect.video.hdr import is_hdr
from facedetect.video.pyav import import_av
from facedetect.video.video_reader import FrameSize, VideoReader

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import OutputContainer

# The encoded bytes depend on the number of threads, so use the same on all machines.
_THREADS = 4

# FFmpeg's numbers for colour matrices and ranges.
_RGB, _BT709, _BT601 = 0, 1, 6
_LIMITED_RANGE, _FULL_RANGE = 1, 2

# Each encoder's name and options in FFmpeg. The quality is visually lossless by its documentation,
# or close to it; docs/folders-videos.md has decibels and bytes.
# x264's CPU-specific code does not always give the same bytes, even on the same machine.
_H264 = "libx264", {"crf": "18", "preset": "medium", "x264-params": "cpu-independent=1"}
_VP9 = "libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4"}
_ENCODERS = {
    "h264": _H264,
    "hevc": ("libx265", {"crf": "20", "preset": "medium", "x265-params": "log-level=error"}),
    "vp8": ("libvpx", {"crf": "8", "b": "20000000", "deadline": "good", "cpu-used": "4"}),
    "vp9": _VP9,
    "av1": ("libsvtav1", {"crf": "25", "preset": "8", "svtav1-params": "lp=4"}),
}


def add_video_stream(output: OutputContainer, source: VideoReader, size: FrameSize) -> VideoStream:
    """Add a stream with the source's codec in the same container, else H.264, or VP9 in WebM.

    Pixels are 8-bit 4:2:0, which every player supports. Two by two pixels share a colour, so odd
    sides grow by one.
    """
    codec = source.stream.codec.canonical_name if source.is_kept_by(output) else ""
    name, options = _encoder_for(codec, output)
    stream: VideoStream = output.add_stream(  # type: ignore[assignment]  # by encoder name
        name, rate=source.rate, options=dict(options), time_base=source.time_base
    )
    context = stream.codec_context
    context.width, context.height = size.width + size.width % 2, size.height + size.height % 2
    context.sample_aspect_ratio = size.pixel_aspect
    context.pix_fmt = "yuv420p"
    context.thread_count = _THREADS
    context.flags |= int(import_av().codec.context.Flags.bitexact)
    if name == "libx265" and output.format.name in {"mp4", "mov"}:
        context.codec_tag = "hvc1"  # as players expect
    _copy_colour(source.stream, stream)
    return stream


def _encoder_for(codec: str, output: OutputContainer) -> tuple[str, dict[str, str]]:
    if codec in _ENCODERS and codec in output.supported_codecs:
        return _ENCODERS[codec]
    return _H264 if "h264" in output.supported_codecs else _VP9


def _copy_colour(source: VideoStream, stream: VideoStream) -> None:
    """Tag the stream so that pixel values mean the same colours as in the source; see `hdr.py`."""
    old, new = source.codec_context, stream.codec_context
    if is_hdr(old.color_trc):
        new.color_range = _LIMITED_RANGE
        new.color_primaries = new.color_trc = new.colorspace = _BT709
        return
    is_full = old.color_range == _FULL_RANGE or (old.pix_fmt or "").startswith("yuvj")
    new.color_range = _FULL_RANGE if is_full else _LIMITED_RANGE
    new.color_primaries, new.color_trc = old.color_primaries, old.color_trc
    # RGB is converted with the matrix of SD video.
    new.colorspace = _BT601 if old.colorspace == _RGB else old.colorspace
