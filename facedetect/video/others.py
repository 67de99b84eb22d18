"""A video's sound and subtitles: copied as they are, or made into what the container takes."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from facedetect.video.pyav import import_av

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet
    from av.container import OutputContainer
    from av.stream import Stream

# AAC is transparent from about 64 kbit/s a channel; this is on the safe side.
_BITS_PER_CHANNEL = 96_000
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_USUAL_RATE = 48_000
# By their number, since files do not always say which is which.
_LAYOUTS = {1: "mono", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
_USUAL_LAYOUT = "stereo"
# Sound that begins anew so much later was silent; sooner it is rounding.
_GAP_S = Fraction(1, 10)


class Other(Protocol):
    """Takes the packets of one of a video's other streams."""

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
    try:
        stream = output.add_stream_from_template(source)
    except ValueError:
        if source.type != "audio" or "aac" not in output.supported_codecs:
            return None
        return _add_aac(output, source)  # type: ignore[arg-type]
    stream.disposition = source.disposition
    return stream, Copied(output, stream)


def _add_aac(output: OutputContainer, source: AudioStream) -> tuple[Stream, Other]:
    rate = source.rate if source.rate in _AAC_RATES else _USUAL_RATE
    layout = _LAYOUTS.get(source.layout.nb_channels, _USUAL_LAYOUT)
    stream: AudioStream = output.add_stream("aac", rate=rate, layout=layout)
    stream.codec_context.bit_rate = _BITS_PER_CHANNEL * stream.layout.nb_channels
    return stream, Reencoded(output, source, stream)


class Copied:
    """Copies packets; their times are made to grow, as containers demand."""

    def __init__(self, output: OutputContainer, stream: Stream) -> None:
        self._output = output
        self._stream = stream
        self._next: int | None = None

    def take(self, packet: Packet[Any]) -> None:
        if packet.dts is None:
            packet.dts = packet.pts if packet.pts is not None else self._next or 0
        if self._next is not None:
            packet.dts = max(packet.dts, self._next)
        packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
        self._next = packet.dts + 1
        packet.stream = self._stream
        self._output.mux(packet)

    def finish(self) -> None:
        pass


class Reencoded:
    """Decodes sound and encodes it as AAC; what does not decode is silence."""

    def __init__(self, output: OutputContainer, source: AudioStream, stream: AudioStream) -> None:
        self._output = output
        self._source = source
        self._stream = stream
        self._next: int | None = None
        self._errors = (import_av().FFmpegError, ValueError)

    def take(self, packet: Packet[Any]) -> None:
        self._encode(packet)

    def finish(self) -> None:
        self._encode(None)
        self._output.mux(self._stream.encode(None))

    def _encode(self, packet: Packet[Any] | None) -> None:
        try:
            frames = self._source.decode(packet)
        except self._errors:
            return
        for frame in frames:
            self._time(frame)
            self._output.mux(self._stream.encode(frame))

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
