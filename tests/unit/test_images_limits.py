"""The limits on bytes, pixels and frames."""

from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from benchmarks.process_memory import resident_mb
from facedetect.errors import ImageTooLarge
from facedetect.images import BGRImage, ImageLimits, decode_image
from tests.conftest import ASTRONAUT
from tests.unit.pictures import FORMATS, chunk, encode, png_with, read_header, rgb, tiff_of

LIMITS = ImageLimits()
MEGABYTE = 2**20


def animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
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
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IEND", b"")
    with pytest.raises(ImageTooLarge, match="900000000 pixels, more than the 67108864 allowed"):
        decode_image(bomb, LIMITS)
    with pytest.raises(ImageTooLarge, match="512x512 = 262144 pixels, more than the 1000 allowed"):
        decode_image(ASTRONAUT.read_bytes(), ImageLimits(max_pixels=1000))


def test_the_limit_on_pixels_is_the_only_one() -> None:
    vast = encode(Image.new("1", (20_000, 5_000)))
    assert decode_image(vast, ImageLimits(max_pixels=100_000_000)).shape == (5_000, 20_000, 3)


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_compressed_bombs_beside_the_pixels_are_not_looked_at(name: bytes) -> None:
    bomb = chunk(name, b"name\0\0" + zlib.compress(bytes(50 * MEGABYTE)))
    assert decode_image(png_with(bomb), LIMITS).shape == (8, 8, 3)


@pytest.mark.parametrize(("side", "words"), [(9000, "9000x9000"), (65_535, "4294836225 pixels")])
def test_a_gif_frame_larger_than_its_screen_counts(side: int, words: str) -> None:
    data = bytearray(encode(Image.new("P", (8, 8)), "GIF"))
    place = data.index(b",\0\0\0\0") + 5
    data[place : place + 4] = struct.pack("<HH", side, side)
    with pytest.raises(ImageTooLarge, match=words):
        read_header(bytes(data), LIMITS)


@pytest.mark.parametrize("side", [8160, 8192])
def test_what_phones_call_50_megapixels_is_within_the_limit(side: int) -> None:
    data = encode(Image.new("1", (side, 6144)))
    assert read_header(data, LIMITS).width == side


def test_a_tiff_whose_pages_go_round_has_one() -> None:
    assert decode_image(tiff_of(following=8), LIMITS).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("limits", "setting"),
    [
        (ImageLimits(max_bytes=9), r"FACEDETECT_MAX_IMAGE_BYTES \(ImageLimits.max_bytes"),
        (ImageLimits(max_pixels=9), r"FACEDETECT_MAX_IMAGE_PIXELS \(ImageLimits.max_pixels"),
        (ImageLimits(max_frames=0), r"FACEDETECT_MAX_FRAMES \(ImageLimits.max_frames"),
    ],
)
def test_errors_name_the_setting_that_allows_more(limits: ImageLimits, setting: str) -> None:
    with pytest.raises(ImageTooLarge, match=f"raise {setting} in Python"):
        read_header(encode(Image.new("RGB", (8, 8)), "GIF"), limits)


@pytest.mark.parametrize("kind", FORMATS)
def test_decoding_in_threads_keeps_no_memory(astronaut: BGRImage, kind: str) -> None:
    data = encode(rgb(astronaut), kind)

    def decode(_: int) -> None:
        decode_image(data, LIMITS)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(decode, range(10)))
        before = resident_mb()
        list(pool.map(decode, range(80)))
    assert resident_mb() - before < 20, "80 images of 0.8 MB, if they were kept, are 63 MB"
