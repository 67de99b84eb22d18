from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facedetect.errors import (
    FacedetectError,
    ImageTooLarge,
    InvalidImage,
    InvalidSettings,
    UnsupportedImage,
)
from facedetect.images import (
    BGRImage,
    ImageLimits,
    ImageSource,
    decode_image,
    encode_image,
    load_image,
    read_image_file,
)
from tests.conftest import ASTRONAUT

LIMITS = ImageLimits()
ORIENTATION = 0x0112


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def rgb(bgr: BGRImage) -> Image.Image:
    return Image.fromarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def with_orientation(bgr: BGRImage, orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encode(rgb(bgr), kind, exif=exif)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_decode_exactly(noise: BGRImage, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(decode_image(encode(rgb(noise), kind, **options), LIMITS), noise)


def test_jpeg_decodes_as_opencv_does(astronaut: BGRImage) -> None:
    by_opencv = cv2.imread(str(ASTRONAUT))
    assert by_opencv is not None
    assert np.array_equal(astronaut, by_opencv)


# What each orientation says was done to the upright image before it was stored.
TURNS: dict[int, Callable[[BGRImage], BGRImage]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_is_applied(noise: BGRImage, orientation: int, kind: str) -> None:
    stored = np.ascontiguousarray(TURNS[orientation](noise))
    data = with_orientation(stored, orientation, kind)
    assert np.array_equal(decode_image(data, LIMITS), noise)


def test_orientation_of_a_jpeg_is_applied(astronaut: BGRImage) -> None:
    sideways = with_orientation(np.ascontiguousarray(np.rot90(astronaut)), 6, "JPEG")
    upright = decode_image(sideways, LIMITS).astype(int)
    assert np.abs(upright - astronaut).mean() < 5


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_impossible_orientations_are_ignored(noise: BGRImage, orientation: int) -> None:
    assert np.array_equal(decode_image(with_orientation(noise, orientation, "PNG"), LIMITS), noise)


def test_damaged_exif_is_ignored(noise: BGRImage) -> None:
    data = encode(rgb(noise), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")
    assert np.array_equal(decode_image(data, LIMITS), noise)


def test_grey_becomes_bgr() -> None:
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    decoded = decode_image(encode(grey), LIMITS)
    assert decoded.shape == (16, 16, 3)
    assert np.array_equal(decoded[..., 0], decoded[..., 2])
    assert decoded[0, 5, 1] == 5


def test_one_bit_becomes_black_and_white() -> None:
    decoded = decode_image(encode(Image.new("1", (4, 4), 1)), LIMITS)
    assert (decoded == 255).all()


def test_16_bit_grey_keeps_its_brightness() -> None:
    deep = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))
    assert (decode_image(encode(deep), LIMITS) == 0x80).all()


def test_16_bit_colour_keeps_its_colours(noise: BGRImage) -> None:
    _, data = cv2.imencode(".png", noise.astype(np.uint16) * 257)
    assert np.array_equal(decode_image(data.tobytes(), LIMITS), noise)


def test_palette_is_resolved(noise: BGRImage) -> None:
    paletted = rgb(noise).quantize(200)
    expected = cv2.cvtColor(np.asarray(paletted.convert("RGB")), cv2.COLOR_RGB2BGR)
    assert np.array_equal(decode_image(encode(paletted), LIMITS), expected)


def test_cmyk_keeps_its_colours() -> None:
    red = Image.new("RGB", (16, 16), (200, 30, 20)).convert("CMYK")
    blue_green_red = decode_image(encode(red, "JPEG"), LIMITS)[8, 8].astype(int)
    assert np.abs(blue_green_red - [20, 30, 200]).max() < 8


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(mode: str) -> None:
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128)).convert(mode)
    assert decode_image(encode(half), LIMITS)[0, 0].tolist() == [127, 127, 127]


def test_transparent_palette_entry_is_laid_over_white() -> None:
    paletted = Image.new("P", (4, 4), 1)
    paletted.putpalette([255, 0, 0, 0, 0, 0])
    assert (decode_image(encode(paletted, transparency=1), LIMITS) == 255).all()


def test_32_bit_pixels_are_refused() -> None:
    with pytest.raises(UnsupportedImage, match="32-bit"):
        decode_image(encode(Image.new("F", (4, 4)), "TIFF"), LIMITS)


def animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animations_and_pages_are_refused_or_their_first_is_taken(kind: str) -> None:
    data = animation(kind)
    with pytest.raises(ImageTooLarge, match="more frames or pages than the 1 allowed"):
        decode_image(data, LIMITS)
    red = decode_image(data, ImageLimits(max_frames=3))[0, 0].astype(int)
    assert np.abs(red - [0, 0, 255]).max() < 3


def test_a_phone_jpeg_with_a_second_picture_is_one_photograph(noise: BGRImage) -> None:
    second = Image.new("RGB", (8, 8))
    data = encode(rgb(noise), "MPO", save_all=True, append_images=[second])
    assert decode_image(data, LIMITS).shape == noise.shape


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(ImageTooLarge, match="more than the 1000 bytes allowed"):
        decode_image(ASTRONAUT.read_bytes(), ImageLimits(max_bytes=1000))


def test_too_many_pixels_are_refused_before_decoding() -> None:
    # The header says 30000 x 30000; the pixels behind it are missing, and never looked for.
    size = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b""))
    with pytest.raises(ImageTooLarge, match="900000000 pixels, more than the 50000000 allowed"):
        decode_image(bomb, LIMITS)
    with pytest.raises(ImageTooLarge, match="512x512 = 262144 pixels, more than the 1000 allowed"):
        decode_image(ASTRONAUT.read_bytes(), ImageLimits(max_pixels=1000))


def test_the_limit_on_pixels_is_the_only_one() -> None:
    vast = encode(Image.new("1", (20_000, 5_000)))
    assert decode_image(vast, ImageLimits(max_pixels=100_000_000)).shape == (5_000, 20_000, 3)


@pytest.mark.parametrize("kind", ["TIFF", "GIF"])
def test_many_pages_take_no_time(kind: str) -> None:
    pages = [Image.new("L", (1, 1), n % 255) for n in range(3000)]
    data = encode(pages[0], kind, save_all=True, append_images=pages[1:])
    started = time.monotonic()
    with pytest.raises(ImageTooLarge):
        decode_image(data, LIMITS)
    assert time.monotonic() - started < 0.1


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_truncated_files_are_refused(noise: BGRImage, kind: str, part: float) -> None:
    data = encode(rgb(noise), kind)
    with pytest.raises(InvalidImage):
        decode_image(data[: int(len(data) * part)], LIMITS)


def test_empty_bytes_are_refused() -> None:
    with pytest.raises(InvalidImage, match="empty"):
        decode_image(b"", LIMITS)


@pytest.mark.parametrize("data", [b"just some text, no image", b"%PDF-1.7 ...", b"\0" * 100])
def test_other_files_are_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="send JPEG, PNG"):
        decode_image(data, LIMITS)


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0garbage", b"\x89PNG\r\n\x1a\ngarbage"])
def test_broken_headers_are_invalid_not_unsupported(data: bytes) -> None:
    with pytest.raises(InvalidImage):
        decode_image(data, LIMITS)


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_mutated_files_decode_or_are_refused(kind: str, cuts: list[tuple[float, bytes]]) -> None:
    data = bytearray(encode(Image.linear_gradient("L").convert("RGB"), kind))
    for place, replacement in cuts:
        start = int(place * len(data))
        data[start : start + len(replacement)] = replacement
    try:
        decoded = decode_image(bytes(data), ImageLimits(max_pixels=10**6))
    except FacedetectError:
        return
    assert decoded.dtype == np.uint8
    assert decoded.shape[2] == 3


def test_paths_strings_bytes_arrays_and_pillow_images_are_the_same(astronaut: BGRImage) -> None:
    sources: list[ImageSource] = [
        ASTRONAUT,
        str(ASTRONAUT),
        ASTRONAUT.read_bytes(),
        astronaut,
        rgb(astronaut),
    ]
    sources += [bytearray(ASTRONAUT.read_bytes()), Image.open(ASTRONAUT)]
    for source in sources:
        assert np.array_equal(load_image(source, LIMITS), astronaut)


def test_grey_and_bgra_arrays_are_taken(noise: BGRImage) -> None:
    grey = noise[..., 0]
    assert np.array_equal(load_image(grey, LIMITS), np.stack([grey] * 3, axis=2))
    assert np.array_equal(load_image(grey[..., np.newaxis], LIMITS), np.stack([grey] * 3, axis=2))
    opaque = np.dstack([noise, np.full_like(grey, 255)])
    assert np.array_equal(load_image(opaque, LIMITS), noise)
    clear = np.dstack([noise, np.zeros_like(grey)])
    assert (load_image(clear, LIMITS) == 255).all()


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 3), np.uint8)],
)
def test_other_arrays_are_refused(array: BGRImage) -> None:
    with pytest.raises(InvalidImage, match="the array"):
        load_image(array, LIMITS)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match="does not exist"):
        read_image_file(tmp_path / "missing.jpg", LIMITS)
    with pytest.raises(InvalidImage, match="is not a file"):
        read_image_file(tmp_path, LIMITS)
    with pytest.raises(ImageTooLarge):
        read_image_file(ASTRONAUT, ImageLimits(max_bytes=1000))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".PNG"])
def test_encoding_is_lossless_where_the_format_is(noise: BGRImage, suffix: str) -> None:
    assert np.array_equal(decode_image(encode_image(noise, suffix), LIMITS), noise)


def test_an_image_too_wide_for_a_format_is_refused() -> None:
    wide = np.zeros((2, 70_000, 3), np.uint8)
    for suffix in (".jpg", ".webp"):
        with pytest.raises(ImageTooLarge, match=r"write a \.png"):
            encode_image(wide, suffix)


def test_limits_hold_for_pillow_images() -> None:
    with pytest.raises(ImageTooLarge):
        load_image(Image.open(ASTRONAUT), ImageLimits(max_pixels=100))


@pytest.mark.parametrize("suffix", ["", ".txt", ".gif"])
def test_other_suffixes_are_refused(noise: BGRImage, suffix: str) -> None:
    with pytest.raises(InvalidSettings, match=r"use \.png"):
        encode_image(noise, suffix)
