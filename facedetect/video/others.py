"""A video's sound and subtitles: copied as they are, or made into what the container takes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

from facedetect.video.pyav import import_av
from facedetect.video.tags import without_comments

if TYPE_CHECKING:
    from av import AudioCodecContext, AudioFrame, AudioStream, Packet
    from av.container import OutputContainer
    from av.stream import Stream

# AAC is transparent from about 64 kbit/s a channel; this is on the safe side.
_BITS_PER_CHANNEL = 96_000
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_USUAL_RATE = 48_000
# By their number, since files do not always say which is which.
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
_USUAL_LAYOUT = "stereo"
# How FFmpeg's name for a layout ends that says no more than a number.
_NOT_SAID = " channels"
# Sound that begins anew so much later was silent; sooner it is rounding.
_GAP_S = Fraction(1, 10)


class Other(Protocol):
    """Takes the packets of one of a video's other streams; `damaged` of them were not taken."""

    damaged: int

    def take(self, packet: Packet[Any]) -> None:
        """Write a packet."""
        ...

    def finish(self) -> None:
        """Write what is still on its way."""
        ...


def open_other(output: OutputContainer, source: Stream) -> tuple[Stream, Other] | None:
    """Add a stream like `source`; None if the container takes nothing like it."""
    if source.codec_context is None:
        return None
    if _takes(output.format.name, source):
        stream = _add_copy(output, source)
        stream.disposition = source.disposition
        return stream, Copied(output, stream)
    if source.type != "audio" or "aac" not in output.supported_codecs:
        return None
    return _add_aac(output, source)  # type: ignore[arg-type]


def _takes(container: str, source: Stream) -> bool:
    """Whether a file of that container can begin with a copy: some refuse as late as that."""
    av = import_av()
    try:
        with av.open(BytesIO(), "w", format=container) as trial:
            _add_copy(trial, source)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _add_copy(output: OutputContainer, source: Stream) -> Stream:
    """Add a stream for the source's packets; raises ValueError if the container takes none such."""
    stream: Stream = output.add_stream_from_template(source)
    if stream.type == "audio":
        _say_layout(stream.codec_context)  # type: ignore[arg-type]
    if stream.codec_context.codec.canonical_name == "vorbis":
        headers = without_comments(stream.codec_context.extradata or b"")
        if headers is None:
            raise ValueError("the headers of Vorbis are broken")
        stream.codec_context.extradata = headers
    return stream


def _say_layout(context: AudioCodecContext) -> None:
    """MP4 wants to know where loudspeakers stand, which AVI and MXF do not say."""
    if context.layout.name.endswith(_NOT_SAID):
        if context.layout.nb_channels not in _LAYOUTS:
            raise ValueError(f"nobody knows where {context.layout.name} are")
        context.layout = _LAYOUTS[context.layout.nb_channels]


def _add_aac(output: OutputContainer, source: AudioStream) -> tuple[Stream, Other]:
    rate = source.rate if source.rate in _AAC_RATES else _USUAL_RATE
    layout = _LAYOUTS.get(source.layout.nb_channels, _USUAL_LAYOUT)
    stream: AudioStream = output.add_stream("aac", rate=rate, layout=layout)
    stream.codec_context.bit_rate = _BITS_PER_CHANNEL * stream.layout.nb_channels
    return stream, Reencoded(output, source, stream)


class Copied:
    """Copies packets; their times are made to grow, as containers demand."""

    def __init__(self, output: OutputContainer, stream: Stream) -> None:
        self.damaged = 0
        self._output = output
        self._stream = stream
        self._next: int | None = None
        self._error = import_av().FFmpegError

    def take(self, packet: Packet[Any]) -> None:
        if packet.dts is None:
            packet.dts = packet.pts if packet.pts is not None else self._next or 0
        if self._next is not None:
            packet.dts = max(packet.dts, self._next)
        packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
        self._next = packet.dts + 1
        packet.stream = self._stream
        try:
            self._output.mux(packet)
        except OSError:  # no room, say; PyAV's are FFmpegErrors, too
            raise
        except self._error:
            self.damaged += 1

    def finish(self) -> None:
        pass


class Reencoded:
    """Decodes sound and encodes it as AAC."""

    def __init__(self, output: OutputContainer, source: AudioStream, stream: AudioStream) -> None:
        self.damaged = 0
        self._output = output
        self._source = source
        self._stream = stream
        self._next: int | None = None
        self._errors = (import_av().FFmpegError, ValueError)

    def take(self, packet: Packet[Any]) -> None:
        for encoded in self._encoded(packet):
            self._output.mux(encoded)

    def finish(self) -> None:
        for encoded in (*self._encoded(None), *self._stream.encode(None)):
            self._output.mux(encoded)

    def _encoded(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        try:
            for frame in self._source.decode(packet):
                self._time(frame)
                yield from self._stream.encode(frame)
        except self._errors:
            self.damaged += 1

    def _time(self, frame: AudioFrame) -> None:
        """Give the frame a time in samples: those of containers may be as coarse as frames."""
        tick = Fraction(1, frame.sample_rate)
        at = self._next
        if frame.pts is not None and frame.time_base is not None:
            at = round(frame.pts * frame.time_base / tick)
        if self._next is not None and at is not None and at - self._next < _GAP_S / tick:
            at = self._next
        frame.pts, frame.time_base = at or 0, tick
        self._next = frame.pts + frame.samples
