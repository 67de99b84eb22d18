"""Open a video file: its container, its video stream, and the data in its header."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from facedetect.errors import InvalidVideo, UnsupportedVideo
from facedetect.video.hdr import is_hdr
from facedetect.video.pyav import av_errors, ffmpeg_reason, import_av

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import InputContainer

# The formats of cameras and archives. FFmpeg has many more parsers, some of them for playlists,
# which refer to other files and URLs.
_DEMUXERS = "asf,avi,flv,matroska,mov,mpeg,mpegts,mpegvideo,mxf,ogg"
# Python opens the file; FFmpeg must not open anything else, whatever the file requests.
OPEN_OPTIONS = {"protocol_whitelist": "none", "format_whitelist": _DEMUXERS}
_BUFFER_BYTES = 2**18
_DOLBY_VISION_TAGS = {"dvh1", "dvhe", "dva1", "dvav", "dav1"}
# FFmpeg's unit for the times of whole files.
TICKS_PER_S = 1_000_000


def open_container(file: BinaryIO) -> InputContainer:
    """Open a self-contained video file; raises InvalidVideo."""
    errors: tuple[type[Exception], ...] = (*av_errors(), OSError)  # from seeking beyond the end
    try:
        container: InputContainer = import_av().open(
            file,
            options=OPEN_OPTIONS,
            buffer_size=_BUFFER_BYTES,
            metadata_errors="surrogateescape",
        )
    except MemoryError:
        raise
    except errors as error:
        raise InvalidVideo(
            f"the video cannot be decoded ({ffmpeg_reason(error)}); use the original, complete file"
        ) from error
    return container


def find_video_stream(container: InputContainer) -> VideoStream:
    """Return the first video stream that is not a cover.

    Raises InvalidVideo, and UnsupportedVideo for colours that cannot be displayed.
    """
    for stream in container.streams.video:
        if not stream.disposition & type(stream.disposition).attached_pic:
            if stream.codec_context is None:
                raise InvalidVideo(
                    "the video's codec is unknown; use the original, complete file, or re-encode "
                    "it as H.264"
                )
            _check_colours(stream)
            return stream
    raise InvalidVideo("the file has no video stream; use a video, or exclude the file")


def _check_colours(stream: VideoStream) -> None:
    """Reject Dolby Vision without a base layer: without its data it is green and purple."""
    context = stream.codec_context
    if context.codec_tag in _DOLBY_VISION_TAGS and not is_hdr(context.color_trc):
        raise UnsupportedVideo(
            "the video is Dolby Vision without a compatible picture; export it as HDR10, HLG or SDR"
        )


def declared_end_s(container: InputContainer, stream: VideoStream) -> float:
    """Return the video's end by the file's header, s; 0 if unknown."""
    if stream.duration is not None and stream.time_base is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    if container.duration is None:
        return 0.0
    return ((container.start_time or 0) + container.duration) / TICKS_PER_S
