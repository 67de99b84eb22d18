"""Read a video: upright frames in order, with audio and subtitle packets in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np

from facedetect.errors import InvalidVideo
from facedetect.images import BGRImage, ImageLimits, check_pixel_count
from facedetect.images.pixels import SIDES_SWAPPED
from facedetect.video.deinterlacing import deinterlace
from facedetect.video.frame_clock import FrameClock
from facedetect.video.pixel_conversion import PixelConverter, check_pixel_format, read_orientation
from facedetect.video.pyav import av_errors
from facedetect.video.video_file import (
    TICKS_PER_S,
    declared_end_s,
    find_video_stream,
    open_container,
)

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

# With several threads, damaged frames decode differently each time and not all are reported: the
# written frames would not be those in which faces were detected. The model takes most of the time.
_DECODER_THREADS = 1
# Any number of frames may refer to the same bytes of a file, and packets may be compressed.
_MAX_EXPANSION = 4
_MIN_BYTES = 2**20
# Files round their duration, and some include the audio.
_MIN_MISSING_S = 0.5
# Decoders pad frames to sides that are multiples of up to 64; the exact check follows them.
_DECODER_PIXELS = 2


@dataclass(frozen=True)
class FrameSize:
    """The size of upright frames, px, and the pixel aspect ratio (width to height)."""

    width: int
    height: int
    pixel_aspect: Fraction


@dataclass(frozen=True)
class DecodedFrame:
    """A frame: its number from 0, its time, s, and the same time in the file's ticks."""

    number: int
    time_s: float
    ticks: int
    _av_frame: VideoFrame
    _converter: PixelConverter
    _size: FrameSize

    def to_bgr(self) -> BGRImage:
        """Convert its pixels again at each call; not thread-safe.

        Video calls in browsers change their size with the bandwidth: later frames are scaled to the
        size of the first.
        """
        image = self._converter.to_bgr(self._av_frame)
        size_wh = self._size.width, self._size.height
        if image.shape[1::-1] != size_wh:
            return np.asarray(cv2.resize(image, size_wh), np.uint8)
        return image


@contextmanager
def open_video_reader(path: Path, limits: ImageLimits) -> Iterator[VideoReader]:
    """Open a video to read its frames once.

    Raises InvalidVideo, UnsupportedVideo, ImageTooLarge.
    """
    with open_source(path) as file, read_video(file, limits) as reader:
        yield reader


def open_source(path: Path) -> BinaryIO:
    """Open a video's file; raises InvalidVideo."""
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(error) from error


@contextmanager
def read_video(file: BinaryIO, limits: ImageLimits) -> Iterator[VideoReader]:
    """Read the frames of an open file once; see `open_video_reader`."""
    with open_container(file) as container:
        yield VideoReader(container, os.fstat(file.fileno()).st_size, limits)


class VideoReader:
    """An open video's streams and properties.

    `time_base` is the length of a tick, s; `start_s` the file's first timestamp; `rate` the
    approximate frame rate. `frame_size` is exact once a frame has been read. `frame_count` counts
    the frames read so far, `damaged` the packets and frames that could not be fully decoded.
    """

    def __init__(self, container: InputContainer, byte_count: int, limits: ImageLimits) -> None:
        self.container = container
        self.stream = find_video_stream(container)
        self.frame_count = self.damaged = 0
        self._limits = limits
        self._bytes_left = _MIN_BYTES + _MAX_EXPANSION * byte_count
        context = self.stream.codec_context
        check_pixel_count(context.width, context.height, limits)
        context.options["max_pixels"] = str(_DECODER_PIXELS * limits.max_pixels)
        context.thread_count = _DECODER_THREADS
        # Copies, since PyAV's streams must not be used after their file is closed.
        self.frame_size = FrameSize(context.width, context.height, Fraction(1))
        self.time_base = self.stream.time_base or Fraction(1, 1000)
        self.start_s = Fraction(container.start_time or 0, TICKS_PER_S)
        rates = self.stream.average_rate, self.stream.guessed_rate, self.stream.base_rate
        self.rate = next((rate for rate in rates if rate), Fraction(25))
        self._declared_end_s = declared_end_s(container, self.stream)
        self._sound_end_s = 0.0
        self._clock = FrameClock(self.time_base, self.rate)

    @property
    def duration_s(self) -> float:
        """The duration of the frames read so far, s."""
        return self._clock.duration_s

    @property
    def missing_s(self) -> float:
        """How much longer the video should be by its header, s; 0 for less than half a second.

        If the header has only the end of the file, that may be the audio's.
        """
        end_s = self._clock.end_s
        if self.stream.duration is None:
            end_s = max(end_s, self._sound_end_s)
        missing_s = self._declared_end_s - end_s
        return missing_s if missing_s > _MIN_MISSING_S else 0.0

    def is_kept_by(self, output: OutputContainer) -> bool:
        """Return whether the output has the same container as the source."""
        return output.format.name in self.container.format.name.split(",")

    @property
    def expected_frames(self) -> int | None:
        """The approximate number of frames by the header, None if unknown."""
        return self.stream.frames or round(self._declared_end_s * self.rate) or None

    @property
    def audio_and_subtitles(self) -> list[Stream]:
        """The streams that may be copied: other pictures and data might reveal hidden people."""
        return [s for s in self.container.streams if s.type in {"audio", "subtitle"}]

    def frames(
        self, on_packet: Callable[[Packet[Any]], object] | None = None
    ) -> Iterator[DecodedFrame]:
        """Yield all frames; `on_packet` receives the audio and subtitle packets in between.

        Undecodable data is skipped and counted. Raises InvalidVideo if nothing can be decoded,
        UnsupportedVideo, ImageTooLarge.
        """
        converter = PixelConverter(self.stream.codec_context.color_trc)
        for number, frame in enumerate(deinterlace(self._decoded_frames(on_packet))):
            if number == 0:
                self.frame_size = self._upright_size(frame)
            self.frame_count = number + 1
            ticks = self._clock.next(frame.pts, frame.time_base)
            time_s = self._clock.seconds_at(ticks)
            yield DecodedFrame(number, time_s, ticks, frame, converter, self.frame_size)
        if not self.frame_count:
            raise InvalidVideo(
                "no frame of the video can be decoded; use the original, complete file"
            )

    def _decoded_frames(
        self, on_packet: Callable[[Packet[Any]], object] | None
    ) -> Iterator[VideoFrame]:
        for packet in self._packets(self.stream, *self.audio_and_subtitles):
            if packet.stream_index == self.stream.index:
                yield from self._decode(packet)
                continue
            self._note_end(packet)
            if on_packet is not None:
                on_packet(packet)
        yield from self._decode(None)

    def _note_end(self, packet: Packet[Any]) -> None:
        if packet.pts is not None and packet.time_base is not None:
            end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._sound_end_s = max(self._sound_end_s, end_s)

    def _packets(self, *streams: Stream) -> Iterator[Packet[Any]]:
        """Yield the streams' packets; stop early where the file is damaged."""
        packets = self.container.demux(*streams)
        while (packet := self._next(packets)) is not None:
            self._bytes_left -= packet.size
            if self._bytes_left < 0:
                raise InvalidVideo(
                    "the video refers to the same bytes repeatedly: its packets have more than "
                    f"{_MAX_EXPANSION} times the file's size; re-encode it"
                )
            if packet.size:
                yield packet

    def _next(self, packets: Iterator[Packet[Any]]) -> Packet[Any] | None:
        try:
            return next(packets, None)
        except IndexError:  # from PyAV, for streams that appear later
            return None
        except MemoryError:
            raise
        except av_errors():
            self.damaged += 1
            return None
        except OSError as error:
            raise _unreadable(error) from error

    def _decode(self, packet: Packet[Any] | None) -> list[VideoFrame]:
        """Return the frames that a packet completes; for None, those left in the decoder."""
        try:
            frames = self.stream.decode(packet)
        except MemoryError:
            raise
        except av_errors():
            self.damaged += 1
            return []
        for frame in frames:
            check_pixel_count(frame.width, frame.height, self._limits)
            check_pixel_format(frame.format)
            self.damaged += frame.is_corrupt
        return frames

    def _upright_size(self, frame: VideoFrame) -> FrameSize:
        pixel_aspect = self.stream.sample_aspect_ratio or Fraction(1)
        if read_orientation(frame) in SIDES_SWAPPED:
            return FrameSize(frame.height, frame.width, 1 / pixel_aspect)
        return FrameSize(frame.width, frame.height, pixel_aspect)


def _unreadable(error: OSError) -> InvalidVideo:
    return InvalidVideo(f"the file cannot be read: {error.strerror or error}")
