"""Sound and subtitles in the results of videos."""

from __future__ import annotations

from collections.abc import Callable
from errno import ENOSPC
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from facedetect.images import ImageLimits
from facedetect.video import FrameSize, open_video_reader, open_video_writer
from facedetect.video.stream_copier import StreamCopier
from tests.unit.videos import (
    HEIGHT,
    SOUND_RATE,
    WIDTH,
    add_pictures,
    do,
    encode,
    encode_tone,
    is_hidden,
    packets_of,
    written,
)

SIZE = FrameSize(WIDTH, HEIGHT, Fraction(1))


def test_sound_is_copied_packet_by_packet(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "loud.mp4"
    with written(path) as output:
        pictures = add_pictures(output)
        tones = [output.add_stream("aac", rate=48000, layout="stereo") for _ in range(2)]
        encode(output, pictures)
        for tone in tones:
            encode_tone(output, tone)
    outcome = do(path, out)
    copied = packets_of(out / "loud.mp4", "audio")
    assert {index for index, _, _ in copied} == {1, 2}
    assert sorted(copied) == sorted(packets_of(path, "audio"))
    assert outcome.row["video"]["left_out"] == []


def test_sound_that_mp4_does_not_take_becomes_aac(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "old.avi"
    with written(path) as output:
        pictures = add_pictures(output, codec="mjpeg", pix_fmt="yuvj420p")
        tone = output.add_stream("wmav2", rate=48000, layout="stereo", bit_rate=128000)
        encode(output, pictures)
        encode_tone(output, tone)
    do(path, out, suffix=".mp4")
    assert is_hidden(out / "old.avi.mp4")
    with av.open(str(out / "old.avi.mp4")) as made:
        assert made.streams.audio[0].codec.canonical_name == "aac"
        sound = np.concatenate([f.to_ndarray()[0] for f in made.decode(audio=0)])
    assert len(sound) == pytest.approx(0.8 * 48000, rel=0.1)
    spectrum = np.abs(np.fft.rfft(sound))
    assert spectrum.argmax() * 48000 / len(sound) == pytest.approx(440, abs=5)


def make_loud(path: Path, codec: str, rate: int = SOUND_RATE, pictures_as: str = "mpeg4") -> Path:
    """A video with a tone of 440 Hz."""
    with written(path) as output:
        pictures = add_pictures(output, codec=pictures_as)
        tone = output.add_stream(codec, rate=rate, layout="stereo")
        assert isinstance(tone, av.AudioStream)
        encode(output, pictures)
        encode_tone(output, tone)
    return path


def sound_of(path: Path) -> tuple[str, int, str]:
    with av.open(str(path)) as made:
        sound = made.streams.audio[0]
        return sound.codec.canonical_name, sound.rate, sound.layout.name


def test_stereo_of_an_avi_that_does_not_say_so(tmp_path: Path, out: Path) -> None:
    path = make_loud(tmp_path / "in" / "camera.avi", "mp3")
    assert sound_of(path)[0] == "mp3"
    do(path, out, suffix=".mp4")
    assert sound_of(out / "camera.avi.mp4") == ("mp3", SOUND_RATE, "stereo")


@pytest.mark.parametrize(
    ("name", "codec", "becomes"),
    [
        ("a.avi", "pcm_s16le", "aac"),
        ("a.avi", "ac3", "aac"),
        ("a.avi", "mp3", "mp3"),
        ("a.ts", "aac", "aac"),
        ("a.ts", "mp2", "aac"),
        ("a.ts", "ac3", "aac"),
        ("a.flv", "aac", "aac"),
        ("a.ogv", "libopus", "aac"),
        ("a.mp4", "pcm_s16le", "aac"),
        ("a.mp4", "ac3", "ac3"),
        ("a.mov", "pcm_s16le", "pcm_s16le"),
        ("a.mkv", "pcm_s16le", "pcm_s16le"),
    ],
)
def test_players_take_the_sound(
    tmp_path: Path, out: Path, name: str, codec: str, becomes: str
) -> None:
    pictures_as = {".ogv": "libvpx", ".flv": "flv"}.get(Path(name).suffix, "mpeg4")
    rate = 44100 if name.endswith(".flv") else SOUND_RATE
    path = make_loud(tmp_path / "in" / name, codec, rate, pictures_as)
    is_kept = name.endswith((".mp4", ".mov", ".mkv"))
    row = do(path, out, suffix="" if is_kept else ".mp4").row
    assert row["video"]["left_out"] == []
    made = out / name if is_kept else out / f"{name}.mp4"
    assert sound_of(made)[0] == becomes
    with av.open(str(made)) as video:
        seconds = [f.samples / f.sample_rate for f in video.decode(audio=0)]
    assert sum(seconds) == pytest.approx(0.8, abs=0.1)


def test_a_rate_that_aac_does_not_have(tmp_path: Path, out: Path) -> None:
    path = make_loud(tmp_path / "in" / "old.avi", "adpcm_ms", rate=9000)
    do(path, out, suffix=".mp4")
    assert sound_of(out / "old.avi.mp4") == ("aac", 48000, "stereo")


def test_sound_of_which_nothing_is_known(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "tv.ts"
    with written(path, "mpegts") as output:
        pictures = add_pictures(output)
        output.add_stream("mp2", rate=48000, layout="stereo")
        encode(output, pictures)
    with av.open(str(path)) as source:
        assert source.streams.audio[0].rate == 0
    assert do(path, out, suffix=".mp4").row["video"]["damaged"] == 0
    assert is_hidden(out / "tv.ts.mp4")


def test_sound_that_the_container_refuses_late(tmp_path: Path, out: Path) -> None:
    """FFmpeg says that MOV takes Opus, and that it does not when the file begins."""
    path = make_loud(tmp_path / "clip.mkv", "libopus")
    out.mkdir()
    copy(path, out / "clip.mov", "mov")
    assert sound_of(out / "clip.mov")[0] == "aac"


def copy(
    path: Path, result: Path, container: str, spoil: Callable[[Any], object] = lambda _: None
) -> int:
    """Copy a video whose packets are spoilt on their way; returns how many were damaged."""
    with (
        open_video_reader(path, ImageLimits()) as source,
        result.open("w+b") as file,
        open_video_writer(file, container, source, SIZE, keep_tags=False) as writer,
    ):

        def take(packet: Any) -> None:
            spoil(packet)
            writer.copy(packet)

        for frame in source.frames(take):
            writer.write(frame.ticks, frame.to_bgr())
    return writer.damaged


def jump_back(packet: Any) -> None:
    if 5000 < packet.dts < 10000:
        packet.dts = packet.pts = packet.dts - 3000


def lose_times(packet: Any) -> None:
    if 5000 < packet.dts < 10000:
        packet.dts = packet.pts = None


def lose_a_time(packet: Any) -> None:
    packet.dts = None


def break_one(packet: Any) -> None:
    if packet.dts == 5:
        packet.update(b"\xff" * packet.size)


def test_a_broken_piece_of_sound_is_silence_as_aac(tmp_path: Path) -> None:
    path = make_loud(tmp_path / "old.avi", "adpcm_ms")
    assert copy(path, tmp_path / "old.mp4", "mp4", break_one) == 1
    assert sound_of(tmp_path / "old.mp4")[0] == "aac"


def test_sound_without_a_decoder_is_left_out(tmp_path: Path, out: Path) -> None:
    path = make_loud(tmp_path / "in" / "tv.mov", "pcm_s16le")
    path.write_bytes(path.read_bytes().replace(b"sowt", b"ac-4"))
    assert do(path, out).row["video"]["left_out"] == ["audio stream 1"]


def test_sound_that_webm_does_not_take_is_left_out(tmp_path: Path) -> None:
    path = make_loud(tmp_path / "clip.mkv", "aac")
    with (
        open_video_reader(path, ImageLimits()) as source,
        (tmp_path / "clip.webm").open("w+b") as file,
        open_video_writer(file, "webm", source, SIZE, keep_tags=False) as writer,
    ):
        assert writer.left_out == ["audio stream 1"]


class FullDisk:
    def mux(self, packet: Any) -> None:  # noqa: ARG002
        raise av.error.OSError(ENOSPC, "No space left on device")


def test_no_room_is_no_damage(tmp_path: Path) -> None:
    path = make_loud(tmp_path / "clip.mkv", "aac")
    with av.open(str(path)) as source:
        sound = source.streams.audio[0]
        copier: Any = StreamCopier(FullDisk(), sound)  # type: ignore[arg-type]
        with pytest.raises(OSError, match="No space left"):
            copier.write(next(source.demux(sound)))
    assert copier.damaged == 0


def test_times_as_coarse_as_a_containers_become_even(tmp_path: Path, out: Path) -> None:
    path = make_loud(tmp_path / "in" / "old.flv", "adpcm_swf", rate=44100, pictures_as="flv")
    do(path, out, suffix=".mp4")
    begins = [begin * 44100 for _, begin, _ in packets_of(out / "old.flv.mp4", "audio")]
    assert {after - before for before, after in pairwise(begins)} == {1024}


@pytest.mark.parametrize("spoil", [jump_back, lose_times, lose_a_time])
def test_times_of_copied_sound_grow(tmp_path: Path, spoil: Callable[[Any], object]) -> None:
    path = make_loud(tmp_path / "clip.mp4", "aac")
    assert copy(path, tmp_path / "result.mp4", "mp4", spoil) == 0
    with av.open(str(tmp_path / "result.mp4")) as made:
        times = [packet.dts or 0 for packet in made.demux(audio=0) if packet.size]
    assert len(times) == len(packets_of(path, "audio"))
    assert times == sorted(set(times))


def test_a_broken_piece_of_sound_is_left_out_and_counted(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "tape.ts"
    with written(path, "mpegts") as output:
        pictures = add_pictures(output)
        tone = output.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        encode(output, pictures)
        encode_tone(output, tone)
    data = path.read_bytes()
    frames = [packet for _, _, packet in packets_of(path, "audio")]
    # Its header says that it has several blocks, which MP4 does not have.
    broken = bytearray(frames[9][:7])
    broken[1] &= ~1  # and that a checksum follows
    broken[6] |= 3
    assert data.count(frames[9][:7]) == 1
    path.write_bytes(data.replace(frames[9][:7], bytes(broken)))
    assert do(path, out, suffix=".mp4").row["video"]["damaged"] == 1
    assert len(packets_of(out / "tape.ts.mp4", "audio")) == len(frames) - 1


def test_sound_that_pauses_does_so_as_aac(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "talk.wmv"
    with written(path) as output:
        pictures = add_pictures(output, codec="mpeg4")
        tone = output.add_stream("wmav2", rate=SOUND_RATE, layout="stereo", bit_rate=128000)
        encode(output, pictures, frames=50)
        times = np.arange(2 * SOUND_RATE) / SOUND_RATE
        sound = np.tile(np.sin(2 * np.pi * 440 * times).astype(np.float32), (2, 1))
        frame = av.AudioFrame.from_ndarray(sound, "fltp", "stereo")
        frame.sample_rate, frame.pts = SOUND_RATE, 0
        for packet in (*tone.encode(frame), *tone.encode(None)):
            if not 0.5 * SOUND_RATE < (packet.pts or 0) < 1.2 * SOUND_RATE:
                output.mux(packet)
    do(path, out, suffix=".mp4")
    begins = [float(begin) for _, begin, _ in packets_of(out / "talk.wmv.mp4", "audio")]
    steps = np.diff(begins)
    assert steps.max() == pytest.approx(0.75, abs=0.1)
    assert np.median(steps) == pytest.approx(1024 / SOUND_RATE, abs=0.001)
    assert begins[-1] == pytest.approx(2, abs=0.05)


def test_a_stream_stays_what_it_is_for(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "film.mkv"
    with written(path) as output:
        pictures = add_pictures(output)
        tone = output.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        tone.disposition = Disposition.hearing_impaired
        encode(output, pictures)
        encode_tone(output, tone)
    do(path, out)
    with av.open(str(out / "film.mkv")) as made:
        assert made.streams.audio[0].disposition & Disposition.hearing_impaired
