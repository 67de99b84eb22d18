"""Writing a video beside its source: new pictures, the sound and subtitles as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from facedetect.errors import UnsupportedVideo
from facedetect.images import BGRImage
from facedetect.video.encoders import add_encoder
from facedetect.video.others import Other, open_other
from facedetect.video.pixels import PixelConverter
from facedetect.video.pyav import failures_as, import_av, why
from facedetect.video.read import Frame, Pictures, VideoReader
from facedetect.video.tags import copy_stream_tags, copy_tags

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import OutputContainer
    from av.stream import Stream

_CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
}
# Of FFmpeg's times of whole files.
_PER_SECOND = 1_000_000
# No time of writing, no version of the writer, no random numbers.
_EXACT = {"fflags": "+bitexact"}
# Players on the web begin before they have the whole file if its index comes first.
_INDEX_FIRST = {**_EXACT, "movflags": "+faststart"}
_CONTAINER_OPTIONS = {
    "mp4": _INDEX_FIRST,
    "mov": _INDEX_FIRST,
    "matroska": _EXACT,
    "webm": _EXACT,
}


def container_of(name: str) -> str:
    """The container, as FFmpeg calls it, of a file of that name; raises UnsupportedVideo."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _CONTAINERS:
        raise UnsupportedVideo(
            f"videos are not written as {suffix!r}; use one of {', '.join(_CONTAINERS)}"
        )
    return _CONTAINERS[suffix]


@contextmanager
def written_video(
    path: Path, container: str, source: VideoReader, pictures: Pictures, *, keep_tags: bool
) -> Iterator[VideoWriter]:
    """Write a video to `path` in one of `container_of`'s containers.

    `pictures` are the upright ones' sizes; `keep_tags` copies titles, places, times, chapters and
    subtitles. Its first stream begins at 0 s.
    The same frames give the same bytes. Raises UnsupportedVideo, and OSError if it cannot be
    written.
    """
    with (
        failures_as(lambda error: _failure(error, container)),
        import_av().open(
            str(path.absolute()),  # or a colon in it would name a protocol
            "w",
            format=container,
            container_options=_CONTAINER_OPTIONS[container],
            metadata_errors="surrogateescape",
        ) as output,
    ):
        writer = VideoWriter(output, source, pictures, keep_tags=keep_tags)
        yield writer
        writer.finish()


class VideoWriter:
    """Takes a source's frames with new pixels, and the packets of its other streams.

    `left_out` tells which streams of the source are not in the result, `damaged` how many packets
    of the others could not be copied so far.
    """

    def __init__(
        self, output: OutputContainer, source: VideoReader, pictures: Pictures, *, keep_tags: bool
    ) -> None:
        self._output = output
        self._converter = PixelConverter()
        # Recorders count from when they were switched on; nobody waits an hour for the first frame.
        begin_s = Fraction(source.container.start_time or 0, _PER_SECOND)
        self._begin_s = begin_s
        self._time_base = source.time_base
        self._video = add_encoder(output, source, _even(pictures))
        added: list[tuple[Stream, Stream]] = [(source.stream, self._video)]
        self._others: dict[int, Other] = {}
        for other in source.others:
            if other.type == "subtitle" and not keep_tags:
                continue  # drones write where they are
            opened = open_other(output, other)
            if opened is not None:
                added.append((other, opened[0]))
                self._others[other.index] = opened[1]
        self.left_out = _left_out(source, self._others)
        if keep_tags:
            copy_tags(source.container, output, begin_s)
            for old, new in added:
                copy_stream_tags(old, new)
        # FFmpeg must not be asked again once this failed.
        output.start_encoding()

    def write(self, frame: Frame, image: BGRImage) -> None:
        """Write a frame with these pixels."""
        self._output.mux(self._video.encode(self._to_frame(frame, image)))

    def copy(self, packet: Packet[Any]) -> None:
        """Write a packet of another of the source's streams."""
        if packet.stream_index in self._others:
            begin = round(self._begin_s / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - begin
            packet.dts = None if packet.dts is None else packet.dts - begin
            self._others[packet.stream_index].take(packet)

    @property
    def damaged(self) -> int:
        return sum(other.damaged for other in self._others.values())

    def finish(self) -> None:
        """Write what is still on its way."""
        self._output.mux(self._video.encode(None))
        for other in self._others.values():
            other.finish()

    def _to_frame(self, frame: Frame, image: BGRImage) -> VideoFrame:
        context = self._video.codec_context
        made = self._converter.to_yuv(_padded(image), context.colorspace, context.color_range)
        made.pts = frame.ticks - round(self._begin_s / self._time_base)
        made.time_base = self._time_base
        return made


def _failure(error: Exception, container: str) -> Exception:
    if isinstance(error, OSError):  # no room, say
        return error
    return UnsupportedVideo(
        f"the video cannot be written as {container} ({why(error)}); save it as H.264 in MP4"
    )


def _even(pictures: Pictures) -> Pictures:
    """4:2:0 has one colour for four pixels: odd sides grow by one."""
    width, height = pictures.width, pictures.height
    return Pictures(width + width % 2, height + height % 2, pictures.aspect)


def _padded(image: BGRImage) -> BGRImage:
    """The last row and column again where sides are odd."""
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.asarray(
            cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8
        )
    return image


def _left_out(source: VideoReader, others: dict[int, Other]) -> list[str]:
    kept = {source.stream.index, *others}
    streams = (stream for stream in source.container.streams if stream.index not in kept)
    return [f"{stream.type} stream {stream.index}" for stream in streams]
