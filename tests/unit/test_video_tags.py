"""Which metadata of a video is kept in the result."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import pytest

from facedetect.video.tags import strip_vorbis_comments
from tests.unit.videos import (
    SOUND_RATE,
    add_pictures,
    do,
    encode,
    encode_tone,
    square_at,
    written,
)


def make_tagged(path: Path) -> Path:
    with written(path) as output:
        output.metadata.update(
            {"title": "Picnic", "location": "+48.1+011.5/", "creation_time": "2020-01-02T03:04:05Z"}
        )
        encode(output, add_pictures(output))
    return path


def test_tags_are_kept(tmp_path: Path, out: Path) -> None:
    do(make_tagged(tmp_path / "in" / "clip.mov"), out, metadata="keep")
    with av.open(str(out / "clip.mov")) as made:
        assert made.metadata["title"] == "Picnic"
        assert made.metadata["location"] == "+48.1+011.5/"
        assert made.metadata["creation_time"].startswith("2020-01-02T03:04:05")


@pytest.mark.parametrize("metadata", ["colour", "strip"])
def test_tags_are_left_out(tmp_path: Path, out: Path, metadata: str) -> None:
    do(make_tagged(tmp_path / "in" / "clip.mov"), out, metadata=metadata)
    assert b"Picnic" not in (out / "clip.mov").read_bytes()
    with av.open(str(out / "clip.mov")) as made:
        assert not {"title", "location", "creation_time"} & set(made.metadata)


def test_tags_of_the_file_that_was_are_not_kept(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "clip.mkv"
    with written(path) as output:
        pictures = add_pictures(output)
        output.metadata["encoder"] = "a camera"
        output.metadata["title"] = "Picnic"
        pictures.metadata.update({"BPS": "1", "_STATISTICS_TAGS": "BPS", "language": "deu"})
        encode(output, pictures)
    do(path, out, metadata="keep")
    with av.open(str(out / "clip.mkv")) as made:
        assert made.metadata["title"] == "Picnic"
        assert made.streams.video[0].metadata["language"] == "deu"
        assert not {"BPS", "_STATISTICS_TAGS"} & set(made.streams.video[0].metadata)
    assert b"a camera" not in (out / "clip.mkv").read_bytes()


def test_covers_and_attachments_are_left_out(tmp_path: Path, out: Path) -> None:
    """They may show the faces to be hidden."""
    path = tmp_path / "in" / "film.mkv"
    cover = cv2.imencode(".jpg", square_at(0))[1].tobytes()
    with written(path) as output:
        pictures = add_pictures(output)
        output.add_attachment("cover.jpg", "image/jpeg", cover)
        output.add_attachment("font.ttf", "font/ttf", b"no font")
        encode(output, pictures)
    left_out = do(path, out).row["video"]["left_out"]
    assert len(left_out) == 2
    with av.open(str(out / "film.mkv")) as made:
        assert [stream.type for stream in made.streams] == ["video"]
    assert cover not in (out / "film.mkv").read_bytes()


def add_text(path: Path, result: Path, text: str) -> Path:
    """A video with a line of subtitles besides."""
    lines = path.with_suffix(".srt")
    lines.write_text(f"1\n00:00:00,000 --> 00:00:00,500\n{text}\n\n")
    with av.open(str(lines)) as subtitles, written(result) as output:
        pictures = add_pictures(output)
        stream = output.add_stream_from_template(subtitles.streams.subtitles[0])
        encode(output, pictures)
        for packet in subtitles.demux():
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    return result


@pytest.mark.parametrize(("metadata", "left_out"), [("strip", 1), ("colour", 1), ("keep", 0)])
def test_subtitles_may_tell_places(tmp_path: Path, out: Path, metadata: str, left_out: int) -> None:
    text = "GPS(13.40495,52.52001,19)"
    path = add_text(tmp_path / "lines", tmp_path / "in" / "drone.mkv", text)
    row = do(path, out, metadata=metadata).row
    assert row["video"]["left_out"] == ["subtitle stream 1"] * left_out
    assert (text.encode() in (out / "drone.mkv").read_bytes()) is not bool(left_out)


SECRET = b"\x08\0\0\0ARTIST=J" * 100


def vorbis_headers(identification: bytes, setup: bytes) -> bytes:
    comments = b"\x03vorbis" + bytes(4) + b"\x64\0\0\0" + SECRET + b"\x01"
    full, rest = divmod(len(comments), 255)
    return b"\x02\x1e" + b"\xff" * full + bytes([rest]) + identification + comments + setup


def test_comments_of_vorbis_are_emptied() -> None:
    identification, setup = b"\x01vorbis" + bytes(23), b"\x05vorbis" + bytes(300)
    empty = b"\x03vorbis" + bytes(8) + b"\x01"
    kept = strip_vorbis_comments(vorbis_headers(identification, setup))
    assert kept == b"\x02\x1e\x10" + identification + empty + setup


@pytest.mark.parametrize(
    "headers",
    [
        b"",
        b"\x02",
        b"\x02\x1e\xff",
        b"\x02\x1e\x05" + bytes(99),
        b"\x02\x1f\0" + bytes(31) + b"\x05vorbis",
    ],
)
def test_broken_headers_of_vorbis(headers: bytes) -> None:
    with pytest.raises(ValueError, match="Vorbis"):
        strip_vorbis_comments(headers)


@pytest.mark.parametrize("metadata", ["strip", "keep"])
def test_comments_and_covers_in_the_sound_are_left_out(
    tmp_path: Path, out: Path, metadata: str
) -> None:
    plain = tmp_path / "plain.mkv"
    with written(plain) as output:
        pictures = add_pictures(output)
        options = {"strict": "experimental"}
        tone = output.add_stream("vorbis", rate=SOUND_RATE, layout="stereo", options=options)
        encode(output, pictures)
        encode_tone(output, tone)
    path = tmp_path / "in" / "clip.mkv"
    with av.open(str(plain)) as source, written(path) as output:
        streams = [output.add_stream_from_template(stream) for stream in source.streams]
        headers = strip_vorbis_comments(source.streams.audio[0].codec_context.extradata or b"")
        streams[1].codec_context.extradata = vorbis_headers(headers[3:33], headers[49:])
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
    assert SECRET in path.read_bytes()
    do(path, out, metadata=metadata)
    assert SECRET not in (out / "clip.mkv").read_bytes()
    with av.open(str(out / "clip.mkv")) as made:
        assert made.streams.audio[0].codec.canonical_name == "vorbis"
        assert sum(frame.samples for frame in made.decode(audio=0)) > 0.7 * SOUND_RATE
