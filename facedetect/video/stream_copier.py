"""Copy a video's audio and subtitles unchanged, or re-encode them for another container."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any

from facedetect.video.pyav import av_errors, import_av
from facedetect.video.tags import strip_vorbis_comments

if TYPE_CHECKING:
    from av import AudioCodecContext, AudioFrame, AudioStream, Packet
    from av.container import OutputContainer
    from av.stream import Stream

# AAC is transparent from about 64 kbit/s per channel; this leaves a margin.
_AAC_BITS_PER_CHANNEL = 96_000
_DEFAULT_RATE = 48_000
# By number of channels, since files do not always name them.
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
_DEFAULT_LAYOUT = "stereo"
# The end of FFmpeg's names for layouts of which only the number of channels is known.
_UNKNOWN_LAYOUT = " channels"
# Codecs that players support in MP4. Files that were MP4 keep some less common ones, but never PCM
# and AMR, which hardly any player supports there.
_PLAYED_IN_MP4 = {"aac", "mp3"}
_KEPT_IN_MP4 = _PLAYED_IN_MP4 | {"ac3", "alac", "eac3", "flac", "opus"}
# A larger gap between timestamps is silence; a smaller one is rounding.
_GAP_S = Fraction(1, 10)


def add_stream_copier(
    output: OutputContainer, source: Stream, *, is_same_container: bool
) -> StreamCopier | None:
    """Add a stream for `source`, audio or subtitles; None if the container has no equivalent.

    Packets are copied if the container supports the codec and players support it there; other audio
    is re-encoded as AAC.
    """
    if source.codec_context is None:
        return None
    if _is_played(source, output, is_same_container) and _can_copy(source, output.format.name):
        stream = _add_copy(output, source)
        stream.disposition = source.disposition
        return StreamCopier(output, stream)
    if source.type != "audio" or "aac" not in output.supported_codecs:
        return None
    return _add_aac(output, source)  # type: ignore[arg-type]


class StreamCopier:
    """Copies a source's packets to `stream`; `damaged` counts those that could not be written."""

    def __init__(self, output: OutputContainer, stream: Stream) -> None:
        self.stream = stream
        self.damaged = 0
        self._output = output
        self._next_dts: int | None = None

    def write(self, packet: Packet[Any]) -> None:
        """Write a packet. Timestamps are made to increase, as containers require."""
        if packet.dts is None:
            packet.dts = packet.pts if packet.pts is not None else self._next_dts or 0
        if self._next_dts is not None:
            packet.dts = max(packet.dts, self._next_dts)
        packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
        self._next_dts = packet.dts + 1
        packet.stream = self.stream
        try:
            self._output.mux(packet)
        except OSError:  # a full disk, for example; some of PyAV's errors are OSErrors
            raise
        except av_errors():
            self.damaged += 1

    def finish(self) -> None:
        """Write what is still buffered."""


class AudioReencoder(StreamCopier):
    """Decodes audio and encodes it as AAC."""

    def __init__(self, output: OutputContainer, source: AudioStream, stream: AudioStream) -> None:
        super().__init__(output, stream)
        self._source = source
        self._encode = stream.encode
        self._next_pts: int | None = None

    def write(self, packet: Packet[Any]) -> None:
        self._output.mux(list(self._reencode(packet)))

    def finish(self) -> None:
        self._output.mux([*self._reencode(None), *self._encode(None)])

    def _reencode(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        try:
            for frame in self._source.decode(packet):
                self._set_time(frame)
                yield from self._encode(frame)
        except av_errors():
            self.damaged += 1

    def _set_time(self, frame: AudioFrame) -> None:
        """Set the frame's timestamp in samples; containers' may be as coarse as whole frames."""
        tick = Fraction(1, frame.sample_rate)
        pts = self._next_pts
        if frame.pts is not None and frame.time_base is not None:
            pts = round(frame.pts * frame.time_base / tick)
        if self._next_pts is not None and pts is not None and pts - self._next_pts < _GAP_S / tick:
            pts = self._next_pts
        frame.pts, frame.time_base = pts or 0, tick
        self._next_pts = frame.pts + frame.samples


def _is_played(source: Stream, output: OutputContainer, is_same_container: bool) -> bool:
    if source.type != "audio" or output.format.name != "mp4":
        return True
    played = _KEPT_IN_MP4 if is_same_container else _PLAYED_IN_MP4
    return source.codec_context.codec.canonical_name in played


def _can_copy(source: Stream, container: str) -> bool:
    """Try a copy in memory: some containers reject a codec only when the header is written."""
    av = import_av()
    try:
        with av.open(BytesIO(), "w", format=container) as trial:
            _add_copy(trial, source)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _add_copy(output: OutputContainer, source: Stream) -> Stream:
    """Add a stream for the source's packets; raises ValueError if the container rejects it."""
    stream: Stream = output.add_stream_from_template(source)
    if stream.type == "audio":
        _set_layout(stream.codec_context)  # type: ignore[arg-type]
    if stream.codec_context.codec.canonical_name == "vorbis":
        extradata = stream.codec_context.extradata or b""
        stream.codec_context.extradata = strip_vorbis_comments(extradata)
    return stream


def _set_layout(context: AudioCodecContext) -> None:
    """Set the speaker layout, which MP4 requires, but AVI and MXF do not store."""
    if context.layout.name.endswith(_UNKNOWN_LAYOUT):
        if context.layout.nb_channels not in _LAYOUTS:
            raise ValueError(f"no layout is known for {context.layout.name}")
        context.layout = _LAYOUTS[context.layout.nb_channels]


def _add_aac(output: OutputContainer, source: AudioStream) -> AudioReencoder:
    rates = import_av().Codec("aac", "w").audio_rates
    rate = source.rate if source.rate in rates else _DEFAULT_RATE
    layout = _LAYOUTS.get(source.layout.nb_channels, _DEFAULT_LAYOUT)
    stream: AudioStream = output.add_stream("aac", rate=rate, layout=layout)
    stream.codec_context.bit_rate = _AAC_BITS_PER_CHANNEL * stream.layout.nb_channels
    return AudioReencoder(output, source, stream)
