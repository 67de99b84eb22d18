"""Reading a video: its frames upright and in order, whatever else is in the file beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedetect.errors import InvalidVideo
from facedetect.images import BGRImage, ImageLimits, check_pixel_count
from facedetect.video.clock import Clock
from facedetect.video.pixels import check_format
from facedetect.video.pyav import failures_as, import_av, invalid
from facedetect.video.upright import Deinterlacer, Uprighter, is_on_its_side, matrix_of

if TYPE_CHECKING:
    from av import Packet, VideoFrame, VideoStream
    from av.container import InputContainer
    from av.stream import Stream

# Of what FFmpeg reads, the files of cameras and archives. The others would be many more parsers,
# and among them playlists, which name other files and addresses.
_DEMUXERS = "asf,avi,flv,matroska,mov,mpeg,mpegts,mpegvideo,mxf,ogg"
# The file is read by Python; nothing else is opened, whatever the file asks for.
OPEN_OPTIONS = {"protocol_whitelist": "none", "format_whitelist": _DEMUXERS}
_READ_BYTES = 2**18
# With more, broken frames come out differently each time, and not all are told: what the second
# reading shows would not be what the first one looked at. The model takes most of the time.
_DECODER_THREADS = 1
# Files may name the same bytes as any number of frames, and compress what lies around them.
_LARGEST_EXPANSION = 4
_FEW_BYTES = 2**20
# Files round the length, and some count the sound's, too.
_NOT_MISSED_S = 0.5
_MICROSECONDS = 1_000_000
# Decoders' own pictures have sides that are multiples of up to 64; exact is the check of theirs.
_ROOM_IN_DECODERS = 2


@dataclass(frozen=True)
class Pictures:
    """The size of upright pictures, and how wide their pixels are for their height."""

    width: int
    height: int
    aspect: Fraction


@dataclass(frozen=True)
class Frame:
    """A frame: its number from 0, when it is shown, its time in the file's ticks."""

    number: int
    time_s: float
    ticks: int
    _decoded: VideoFrame
    _uprighter: Uprighter

    def image(self) -> BGRImage:
        """Its pixels; each call converts them anew. For one thread only."""
        return self._uprighter.image_of(self._decoded)


@contextmanager
def opened_video(path: Path, limits: ImageLimits) -> Iterator[VideoReader]:
    """Open a video for reading once through.

    Raises InvalidVideo, UnsupportedVideo, ImageTooLarge.
    """
    av = import_av()
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(error) from error
    with file:
        try:
            with failures_as(invalid):
                container = av.open(
                    file,
                    options=OPEN_OPTIONS,
                    buffer_size=_READ_BYTES,
                    metadata_errors="surrogateescape",
                )
        except OSError as error:  # from seeking where there is nothing
            raise invalid(error) from error
        with container:
            yield VideoReader(container, path.stat().st_size, limits)


class VideoReader:
    """The streams of an open file and what they say of themselves.

    `time_base` is a tick, s; `rate` frames a second, about. Once frames were read, `pictures` tells
    what they are like when upright, `frame_count` how many there were so far, and `damaged` how
    many pieces did not decode, or not whole.
    """

    def __init__(self, container: InputContainer, size: int, limits: ImageLimits) -> None:
        self.container = container
        self.frame_count = self.damaged = 0
        self._limits = limits
        self._bytes_left = _FEW_BYTES + _LARGEST_EXPANSION * size
        self.stream = _main_stream(container)
        context = self.stream.codec_context
        self._check_size(context.width, context.height)
        self.pictures = Pictures(context.width, context.height, Fraction(1))
        context.options["max_pixels"] = str(_ROOM_IN_DECODERS * limits.max_pixels)
        context.thread_count = _DECODER_THREADS
        # Copies: PyAV's streams must not be asked once their file is closed.
        self.time_base = self.stream.time_base or Fraction(1, 1000)
        self.rate = _rate_of(self.stream)
        self._declared_s = _declared_s(container, self.stream)
        self.clock = Clock(self.time_base, self.rate)

    @property
    def seconds(self) -> float:
        """How long the frames that were read are shown."""
        return self.clock.seconds

    @property
    def missing_s(self) -> float:
        """How much longer, by half a second and more, the file says that its pictures are shown."""
        missing_s = self._declared_s - self.seconds
        return missing_s if missing_s > _NOT_MISSED_S else 0.0

    @cached_property
    def others(self) -> list[Stream]:
        """Sound and subtitles; pictures and data in other streams may tell who is to be hidden."""
        return [s for s in self.container.streams if s.type in {"audio", "subtitle"}]

    def frames(self, on_packet: Callable[[Packet[Any]], object] | None = None) -> Iterator[Frame]:
        """Yield all frames; `on_packet` gets the packets of the other streams in between.

        What does not decode is left out and counted. Raises InvalidVideo if nothing decodes,
        UnsupportedVideo, ImageTooLarge.
        """
        uprighter = Uprighter()
        for number, decoded in enumerate(self._whole_frames(on_packet)):
            if number == 0:
                self.pictures = self._upright(decoded)
            self.frame_count = number + 1
            ticks = self.clock.next(decoded.pts, decoded.time_base)
            yield Frame(number, self.clock.seconds_at(ticks), ticks, decoded, uprighter)
        if not self.frame_count:
            raise InvalidVideo("no frame of the video decodes; use the original, complete file")

    def _whole_frames(
        self, on_packet: Callable[[Packet[Any]], object] | None
    ) -> Iterator[VideoFrame]:
        deinterlacer = Deinterlacer()
        for packet in self._packets(with_others=on_packet is not None):
            if packet.stream_index == self.stream.index:
                for frame in self._decode(packet):
                    yield from deinterlacer.take(frame)
            elif on_packet is not None:
                on_packet(packet)
        for frame in self._decode(None):
            yield from deinterlacer.take(frame)
        yield from deinterlacer.finish()

    def _packets(self, *, with_others: bool) -> Iterator[Packet[Any]]:
        """All packets; ends early where the file is broken."""
        streams = [self.stream, *(self.others if with_others else [])]
        packets = self.container.demux(*streams)
        while (packet := self._next(packets)) is not None:
            self._bytes_left -= packet.size
            if self._bytes_left < 0:
                raise InvalidVideo("the video uses its bytes again and again; save it anew")
            if packet.size:
                yield packet

    def _next(self, packets: Iterator[Packet[Any]]) -> Packet[Any] | None:
        try:
            with failures_as(invalid):
                return next(packets, None)
        except InvalidVideo as error:
            # PyAV ends with an IndexError where streams turned up that were not there at first.
            self.damaged += not isinstance(error.__cause__, IndexError)
            return None
        except OSError as error:
            raise _unreadable(error) from error

    def _decode(self, packet: Packet[Any] | None) -> list[VideoFrame]:
        """The frames that a packet completes; without one, those that the decoder still holds."""
        try:
            with failures_as(invalid):
                frames = self.stream.decode(packet)
        except InvalidVideo:
            self.damaged += 1
            return []
        for frame in frames:
            self._check_size(frame.width, frame.height)
            check_format(frame.format)
            self.damaged += frame.is_corrupt
        return frames

    def _upright(self, frame: VideoFrame) -> Pictures:
        aspect = self.stream.sample_aspect_ratio or Fraction(1)
        if is_on_its_side(matrix_of(frame)):
            return Pictures(frame.height, frame.width, 1 / aspect)
        return Pictures(frame.width, frame.height, aspect)

    def _check_size(self, width: int, height: int) -> None:
        check_pixel_count(width, height, self._limits)


def _declared_s(container: InputContainer, stream: VideoStream) -> float:
    """How long the file says that its pictures are shown; 0 if it does not."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / _MICROSECONDS


def _rate_of(stream: VideoStream) -> Fraction:
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return next((rate for rate in rates if rate), Fraction(25))


def _unreadable(error: OSError) -> InvalidVideo:
    return InvalidVideo(f"the file cannot be read: {error.strerror or error}")


def _main_stream(container: InputContainer) -> VideoStream:
    """The first stream of moving pictures: covers are pictures, too."""
    for stream in container.streams.video:
        if not stream.disposition & type(stream.disposition).attached_pic:
            if stream.codec_context is None:
                raise InvalidVideo(
                    "the video's codec is not known; use the original, complete file, or save it "
                    "as H.264"
                )
            return stream
    raise InvalidVideo("the file has no moving pictures")
