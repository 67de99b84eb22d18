"""Files that are truncated, corrupted, or not what they seem."""

from __future__ import annotations

import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facedetect.errors import FacedetectError, InvalidImage, UnsupportedImage
from facedetect.images import BGRImage, ImageLimits, decode_image
from tests.conftest import examples
from tests.unit.pictures import (
    FORMATS,
    ORIENTATION,
    encode,
    read_header,
    rgb,
    segment,
    with_orientation,
    with_raw_exif,
)
from tests.unit.videos import make_video

LIMITS = ImageLimits()


BYTES_BEHIND_THE_PIXELS = {"JPEG": 2, "GIF": 6, "JPEG2000": 2}


@pytest.mark.parametrize("kind", [*FORMATS, "JPEG2000", "JXL"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99, "last bytes"])
def test_truncated_files_are_refused(astronaut: BGRImage, kind: str, part: float | str) -> None:
    data = encode(rgb(astronaut[:200, :300]), kind)
    last = BYTES_BEHIND_THE_PIXELS.get(kind, 0) + 1
    cut = data[:-last] if isinstance(part, str) else data[: int(len(data) * part)]
    with pytest.raises(InvalidImage):
        decode_image(cut, LIMITS)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"progressive": True}),
        ("PNG", {"compress_level": 0}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
    ],
)
def test_every_way_to_store_pixels_tells_of_a_cut(
    astronaut: BGRImage, kind: str, options: dict[str, object]
) -> None:
    data = encode(rgb(astronaut[:200, :300]), kind, **options)
    for part in (0.3, 0.7, 0.95):
        with pytest.raises(InvalidImage):
            decode_image(data[: int(len(data) * part)], LIMITS)


def test_a_gif_without_its_trailer_is_whole(noise: BGRImage) -> None:
    data = encode(rgb(noise), "GIF")
    assert np.array_equal(decode_image(data[:-1], LIMITS), decode_image(data, LIMITS))


def test_empty_bytes_are_refused() -> None:
    with pytest.raises(InvalidImage, match="empty"):
        decode_image(b"", LIMITS)


@pytest.mark.parametrize("data", [b"just some text, no image", b"%PDF-1.7 ...", b"\0" * 100])
def test_other_files_are_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="send JPEG, PNG"):
        decode_image(data, LIMITS)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov", "clip.mkv", "clip.avi"])
def test_videos_are_told_what_they_are(tmp_path: Path, name: str) -> None:
    data = make_video(tmp_path / name).read_bytes()
    with pytest.raises(UnsupportedImage, match="the file is a video"):
        decode_image(data, LIMITS)


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0garbage", b"\x89PNG\r\n\x1a\ngarbage"])
def test_broken_headers_are_invalid_not_unsupported(data: bytes) -> None:
    with pytest.raises(InvalidImage):
        decode_image(data, LIMITS)


@cache
def gradient(kind: str) -> bytes:
    return encode(Image.linear_gradient("L").convert("RGB"), kind)


@examples(3)
@given(
    kind=st.sampled_from(FORMATS),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_mutated_files_decode_or_are_refused(kind: str, cuts: list[tuple[float, bytes]]) -> None:
    data = bytearray(gradient(kind))
    for place, replacement in cuts:
        start = int(place * len(data))
        data[start : start + len(replacement)] = replacement
    try:
        decoded = decode_image(bytes(data), ImageLimits(max_pixels=10**6))
    except FacedetectError:
        return
    assert decoded.dtype == np.uint8
    assert decoded.shape[2] == 3


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_impossible_orientations_are_ignored(noise: BGRImage, orientation: int) -> None:
    assert np.array_equal(decode_image(with_orientation(noise, orientation, "PNG"), LIMITS), noise)


def test_damaged_exif_is_ignored(noise: BGRImage) -> None:
    data = encode(rgb(noise), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")
    assert np.array_equal(decode_image(data, LIMITS), noise)


TAILS = [b"PK\x03\x04 and so on", b"<html><script>alert(1)</script>", b"%PDF-1.7\n", b"\0" * 9]


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("kind", FORMATS)
def test_what_stands_behind_the_image_is_ignored(noise: BGRImage, kind: str, tail: bytes) -> None:
    data = encode(rgb(noise), kind)
    assert np.array_equal(decode_image(data + tail, LIMITS), decode_image(data, LIMITS))


def test_a_page_or_script_in_front_of_an_image_is_no_image(noise: BGRImage) -> None:
    for front in (b"<html>", b"#!/bin/sh\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\n"):
        with pytest.raises(UnsupportedImage):
            read_header(front + encode(rgb(noise)), LIMITS)


@pytest.mark.parametrize("kind", ["ICO", "PPM", "PCX", "TGA", "PDF", "EPS", "ICNS", "SGI"])
def test_formats_that_others_take_are_not_reached(kind: str) -> None:
    with pytest.raises(UnsupportedImage, match="not an image in a supported format"):
        read_header(encode(Image.new("RGB", (32, 32)), kind), LIMITS)


def one_tag(kind: int, count: int, value: int) -> bytes:
    """EXIF data with the orientation of that type."""
    entry = struct.pack("<HHII", ORIENTATION, kind, count, value)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)


ODD_EXIF = {
    "empty": b"",
    "cut": b"II*\0",
    "directory behind the end": b"II*\0\xff\xff\xff\x7f",
    "a string": one_tag(2, 100, 0),
    "a fraction over zero": one_tag(5, 1, 0),
    "without end": one_tag(3, 2**31, 8),
    "of no type": one_tag(99, 1, 6),
    "a loop": b"II*\0"
    + struct.pack("<IH", 8, 1)
    + struct.pack("<HHII", 0x8769, 4, 1, 8)
    + b"\x08\0\0\0",
    "huge": one_tag(3, 1, 0) + bytes(60_000),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", ODD_EXIF.values(), ids=ODD_EXIF)
def test_odd_exif_is_no_reason_to_refuse_a_photograph(
    noise: BGRImage, kind: str, exif: bytes
) -> None:
    plain = decode_image(encode(rgb(noise), kind), LIMITS)
    decoded = decode_image(with_raw_exif(rgb(noise), kind, exif), LIMITS)
    assert np.array_equal(decoded, plain)


def test_odd_exif_is_no_reason_to_refuse_an_avif(noise: BGRImage) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010E] = "a description"
    data = encode(rgb(noise), "AVIF", exif=exif)
    odd = data.replace(b"MM\0*", bytes(4))
    assert odd != data
    assert np.array_equal(decode_image(odd, LIMITS), decode_image(data, LIMITS))


def test_broken_metadata_is_no_reason_to_refuse_a_photograph(noise: BGRImage) -> None:
    data = encode(rgb(noise), "JPEG")
    for marker in (*range(0xE1, 0xF0), 0xFE):
        if marker != 0xEE:
            for content in (b"ICC_PROFILE\0\xff", b"MPF\0broken", b"Photoshop 3.0\x008BIM\4\4\xff"):
                odd = data[:2] + segment(marker, content) + data[2:]
                assert decode_image(odd, LIMITS).shape == noise.shape


def test_odd_files_do_not_fill_the_log(noise: BGRImage) -> None:
    code = (
        "import sys; from facedetect.images import *; "
        "print(decode_image(sys.stdin.buffer.read(), ImageLimits()).shape)"
    )
    for kind in ("WEBP", "JPEG"):
        data = with_raw_exif(rgb(noise), kind, one_tag(2, 10_000, 400))
        command = [sys.executable, "-W", "error", "-c", code]
        ended = subprocess.run(command, input=data, capture_output=True, check=False)
        assert ended.stderr == b""
        assert ended.stdout.strip() == b"(40, 60, 3)"
