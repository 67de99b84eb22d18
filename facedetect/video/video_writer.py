"""Write a copy of a video with new pixels, including audio and subtitles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np

from facedetect.errors import UnsupportedVideo
from facedetect.images import BGRImage
from facedetect.video.pixel_conversion import PixelConverter
from facedetect.video.pyav import av_errors, ffmpeg_reason, import_av
from facedetect.video.result_file import ResultFile
from facedetect.video.stream_copier import StreamCopier, add_stream_copier
from facedetect.video.tags import copy_tags
from facedetect.video.video_encoders import add_video_stream
from facedetect.video.video_reader import FrameSize, VideoReader

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import OutputContainer
    from av.stream import Stream

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""FFmpeg's names of the supported output containers, by file suffix."""

_BUFFER_BYTES = 2**18
# No creation time, encoder version or random numbers: the same frames give the same bytes.
_BITEXACT = {"fflags": "+bitexact"}
# The index comes first, so that web players can start before they have the whole file.
_FASTSTART = {"movflags": "+faststart"}


@contextmanager
def open_video_writer(
    file: BinaryIO, container: str, source: VideoReader, size: FrameSize, *, keep_tags: bool
) -> Iterator[VideoWriter]:
    """Write a video to an empty file, opened for reading and writing, in one of the CONTAINERS.

    `size` is the size of upright frames; `keep_tags` copies titles, places, times, chapters and
    subtitles. The first stream starts at 0 s. The same frames give the same bytes.
    Raises UnsupportedVideo, and OSError if the file cannot be written.
    """
    result = ResultFile(file)
    try:
        with import_av().open(
            result,
            "w",
            format=container,
            io_open=result.reopen,
            buffer_size=_BUFFER_BYTES,
            container_options=_BITEXACT | (_FASTSTART if container in {"mp4", "mov"} else {}),
            metadata_errors="surrogateescape",
        ) as output:
            writer = VideoWriter(output, source, size, keep_tags=keep_tags)
            yield writer
            writer.finish()
    except (OSError, MemoryError):  # a full disk, for example; some of PyAV's errors are OSErrors
        raise
    except av_errors() as error:
        raise UnsupportedVideo(
            f"the video cannot be written as {container} ({ffmpeg_reason(error)}); re-encode it as "
            "H.264 in MP4"
        ) from error


class VideoWriter:
    """Writes a source's frames with new pixels, and its audio and subtitle packets.

    `left_out` lists the source's streams that are not in the result.
    """

    def __init__(
        self, output: OutputContainer, source: VideoReader, size: FrameSize, *, keep_tags: bool
    ) -> None:
        self._output = output
        self._converter = PixelConverter()
        # Some recorders count from when they were switched on: make the result start at 0 s.
        self._start_s = source.start_s
        self._time_base = source.time_base
        self._video = add_video_stream(output, source, size)
        self._copiers: dict[int, StreamCopier] = {}
        streams: list[tuple[Stream, Stream]] = [(source.stream, self._video)]
        for stream in source.audio_and_subtitles:
            if stream.type == "subtitle" and not keep_tags:
                continue  # drones store GPS positions there
            copier = add_stream_copier(output, stream, is_same_container=source.is_kept_by(output))
            if copier is not None:
                self._copiers[stream.index] = copier
                streams.append((stream, copier.stream))
        kept = {source.stream.index, *self._copiers}
        left_out = (s for s in source.container.streams if s.index not in kept)
        self.left_out = [f"{stream.type} stream {stream.index}" for stream in left_out]
        if keep_tags:
            copy_tags(source.container, output, streams, self._start_s)
        # If the container rejects its streams, fail here: FFmpeg must not be called again.
        output.start_encoding()

    @property
    def damaged(self) -> int:
        """The number of audio and subtitle packets that could not be copied so far."""
        return sum(copier.damaged for copier in self._copiers.values())

    def write(self, ticks: int, image_bgr: BGRImage) -> None:
        """Write a frame at a time in the source's ticks."""
        self._output.mux(self._video.encode(self._to_yuv(ticks, image_bgr)))

    def copy(self, packet: Packet[Any]) -> None:
        """Write a packet of one of the source's audio or subtitle streams."""
        if packet.stream_index in self._copiers:
            start = round(self._start_s / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - start
            packet.dts = None if packet.dts is None else packet.dts - start
            self._copiers[packet.stream_index].write(packet)

    def finish(self) -> None:
        """Write what is still buffered."""
        self._output.mux(self._video.encode(None))
        for copier in self._copiers.values():
            copier.finish()

    def _to_yuv(self, ticks: int, image_bgr: BGRImage) -> VideoFrame:
        context = self._video.codec_context
        down, across = context.height - image_bgr.shape[0], context.width - image_bgr.shape[1]
        if down or across:  # odd sides: repeat the last row and column
            repeat = cv2.BORDER_REPLICATE
            image_bgr = np.asarray(
                cv2.copyMakeBorder(image_bgr, 0, down, 0, across, repeat), np.uint8
            )
        yuv = self._converter.to_yuv(image_bgr, context.colorspace, context.color_range)
        yuv.pts = ticks - round(self._start_s / self._time_base)
        yuv.time_base = self._time_base
        return yuv
