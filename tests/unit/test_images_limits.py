"""What is refused before it costs anything."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from benchmarks.process_memory import resident_mb
from facedetect.errors import ImageError, ImageTooLarge, InvalidImage, UnsupportedImage
from facedetect.images import BGRImage, ImageLimits, decode_image
from facedetect.images.av1 import read_coded_sizes
from facedetect.images.limits import PieceCounter
from tests.conftest import ASTRONAUT
from tests.unit.pictures import (
    FORMATS,
    avif_of_repeated_bytes,
    box,
    chunk,
    coded_larger_than_said,
    encode,
    gif_with,
    heic_of_tiles,
    heic_with,
    jpeg_of_scans,
    png_with,
    read_header,
    rgb,
    tiff_of,
    tiff_of_pages,
    with_raw_exif,
)

LIMITS = ImageLimits()
MEGABYTE = 2**20


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
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IEND", b"")
    with pytest.raises(ImageTooLarge, match="900000000 pixels, more than the 50000000 allowed"):
        decode_image(bomb, LIMITS)
    with pytest.raises(ImageTooLarge, match="512x512 = 262144 pixels, more than the 1000 allowed"):
        decode_image(ASTRONAUT.read_bytes(), ImageLimits(max_pixels=1000))


def test_the_limit_on_pixels_is_the_only_one() -> None:
    vast = encode(Image.new("1", (20_000, 5_000)))
    assert decode_image(vast, ImageLimits(max_pixels=100_000_000)).shape == (5_000, 20_000, 3)


def gif_of_frames(count: int) -> bytes:
    frames = [Image.new("L", (1, 1), n % 255) for n in range(count)]
    return encode(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize("of_pages", [tiff_of_pages, gif_of_frames], ids=["TIFF", "GIF"])
def test_many_pages_take_no_time(of_pages: Callable[[int], bytes]) -> None:
    assert decode_image(of_pages(9), ImageLimits(max_frames=9)).shape[2] == 3
    data = of_pages(3000)
    started = time.thread_time()
    with pytest.raises(ImageTooLarge):
        decode_image(data, LIMITS)
    assert time.thread_time() - started < 0.1


def refused(data: bytes, kind: type[ImageError], words: str, limits: ImageLimits = LIMITS) -> None:
    """The header alone must tell, and soon: within a second of the processor's time."""
    started = time.thread_time()
    with pytest.raises(kind, match=words):
        read_header(data, limits)
    assert time.thread_time() - started < 1
    with pytest.raises(kind, match=words):
        decode_image(data, limits)


@pytest.mark.parametrize("count", [10, 64])
def test_progressive_jpegs_are_taken(count: int) -> None:
    assert decode_image(jpeg_of_scans(count), LIMITS).shape == (64, 64, 3)


def test_jpegs_with_scans_without_end_are_refused() -> None:
    refused(jpeg_of_scans(65), ImageTooLarge, "more than the 64 scans")


@pytest.mark.parametrize(
    "data",
    [
        png_with(chunk(b"noNe", b"") * 200_000),
        png_with(chunk(b"IDAT", b"") * 200_000),
        gif_with(b"!\xfe" + b"\1a" * MEGABYTE + b"\0"),
        gif_with(b"!\xfe\1a\0" * MEGABYTE),
        gif_with(b"!\xf9\4\0\0\0\0\0" * 500_000),
        b"\xff\xd8" + b"\xff\xe0\0\2" * MEGABYTE + b"\xff\xd9",
        encode(Image.new("RGB", (64, 64)), "HEIF") + b"\0\0\0\x08free" * MEGABYTE,
        encode(Image.new("RGB", (64, 64)), "AVIF") + b"\0\0\0\x08free" * MEGABYTE,
    ],
    ids=["PNG", "pixels", "comment", "comments", "controls", "JPEG", "HEIC", "AVIF"],
)
def test_files_of_tiny_pieces_are_refused(data: bytes) -> None:
    refused(data, InvalidImage, "too many tiny pieces")


@pytest.mark.parametrize(
    "lists",
    [
        box(b"iprp", box(b"ipma", bytes(7) + b"\x10" + b"\0\1\xff".ljust(258, b"\1") * 16)),
        box(b"iref", bytes(4) + box(b"dimg", b"\0\1\x10\0".ljust(4 + 2 * 4096, b"\0"))),
        box(b"iloc", bytes(6) + b"\x10\0" + bytes(6 * 4096)),
    ],
    ids=["properties", "parts", "places"],
)
def test_each_entry_in_a_list_of_pictures_counts(lists: bytes) -> None:
    with pytest.raises(InvalidImage, match="too many tiny pieces"):
        read_header(heic_with(lists), LIMITS)


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_compressed_bombs_beside_the_pixels_are_not_looked_at(name: bytes) -> None:
    bomb = chunk(name, b"name\0\0" + zlib.compress(bytes(50 * MEGABYTE)))
    assert decode_image(png_with(bomb), LIMITS).shape == (8, 8, 3)


@pytest.mark.parametrize(("side", "words"), [(9000, "9000x9000"), (65_535, "4294836225 pixels")])
def test_a_gif_frame_larger_than_its_screen_counts(side: int, words: str) -> None:
    data = bytearray(encode(Image.new("P", (8, 8)), "GIF"))
    place = data.index(b",\0\0\0\0") + 5
    data[place : place + 4] = struct.pack("<HH", side, side)
    refused(bytes(data), ImageTooLarge, words)


@pytest.mark.parametrize("tag", [273, 279])
def test_tiffs_of_strips_without_number_are_refused(tag: int) -> None:
    data = tiff_of((tag, 4, 500_000, 1000), content=bytes(2_000_000))
    refused(data, ImageTooLarge, f"500000 values of tag {tag}")


def tiff_of_shared_values(count: int) -> bytes:
    """A TIFF with so many tags whose values are all the same megabyte."""
    tags = [(40_000 + number, 7, MEGABYTE, 1000) for number in range(count)]
    return tiff_of((273, 4, 1, 1000), *tags, content=bytes(MEGABYTE))


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "WEBP"])
def test_values_that_share_their_bytes_take_no_memory(kind: str) -> None:
    data = tiff_of_shared_values(60)
    if kind != "TIFF":
        data = with_raw_exif(Image.new("RGB", (8, 8)), kind, data)
    tracemalloc.start()
    try:
        decode_image(data, LIMITS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEGABYTE


def test_tiff_tiles_larger_than_an_image_may_be_are_refused() -> None:
    data = tiff_of((322, 4, 1, 30_000), (323, 4, 1, 30_000), (324, 4, 1, 1000), (325, 4, 1, 64))
    refused(data, ImageTooLarge, "30000x30000")


def test_a_tiff_whose_pages_go_round_is_refused() -> None:
    refused(tiff_of(following=8), ImageTooLarge, "more frames or pages")
    refused(tiff_of(following=8), ImageTooLarge, "than the 1000 a", ImageLimits(max_frames=1000))


def test_bigtiff_is_refused() -> None:
    data = encode(Image.new("L", (8, 8)), "TIFF", big_tiff=True)
    refused(data, UnsupportedImage, "BigTIFF")


def test_faxes_in_tiffs_are_refused() -> None:
    data = encode(Image.new("1", (8, 8)), "TIFF", compression="group4")
    refused(data, UnsupportedImage, "compression 4")


def test_tiffs_that_say_something_twice_are_refused() -> None:
    data = tiff_of((323, 4, 2, 64))
    refused(data, InvalidImage, "tag 323 is not a single number")


def test_run_length_encoded_bmps_are_refused() -> None:
    data = bytearray(encode(Image.new("L", (8, 8)), "BMP"))
    data[30] = 1
    refused(bytes(data), UnsupportedImage, "run-length")


def test_an_avif_coded_larger_than_it_says_is_refused() -> None:
    limits = ImageLimits(max_pixels=1_000_000)
    refused(coded_larger_than_said("AVIF", 1200), ImageTooLarge, "1200x1200", limits)


def long_av1_header(ticks: str) -> bytes:
    """The sequence header of a 9000x9000 picture, with all that may come before its size.

    `ticks` are the bits of the ticks a picture.
    """
    model = "11111" + "0" * (32 + 5 + 5)
    point = "0" * 12 + "11111" + "0" + "1" + "0" * (2 * 32 + 1) + "1" + "0" * 4
    sizes = 2 * "1101" + 2 * f"{8999:014b}"
    points = "1" + "11111" + 32 * point
    bits = "00000" + "1" + "0" * 64 + "1" + ticks + "1" + model + points + sizes
    content = int(bits.ljust(400 * 8, "0"), 2).to_bytes(400)
    return b"\x08" + content


@pytest.mark.parametrize("ticks", ["1", 31 * "0" + "1" + 31 * "1", 32 * "0"])
def test_the_size_in_a_long_av1_header_counts(ticks: str) -> None:
    data = long_av1_header(ticks)
    assert read_coded_sizes(data, PieceCounter(data)) == [(9000, 9000)]


def test_an_avif_that_uses_its_bytes_again_and_again_is_refused() -> None:
    assert decode_image(avif_of_repeated_bytes(1), LIMITS).shape == (64, 64, 3)
    refused(avif_of_repeated_bytes(1000), InvalidImage, "items overlap")


def test_a_heic_coded_larger_than_it_says_is_refused_by_its_decoder() -> None:
    data = coded_larger_than_said("HEIF", 1200)
    with pytest.raises(InvalidImage, match="Security limit"):
        decode_image(data, LIMITS)


def test_a_heic_of_tiles_is_put_together() -> None:
    assert decode_image(heic_of_tiles(2, 2), LIMITS).shape == (64, 64, 3)


def test_a_heic_of_more_tiles_than_it_needs_is_refused() -> None:
    refused(
        heic_of_tiles(30, 30),
        ImageTooLarge,
        "parts with 235929600 pixels in total, more than the 100000000 allowed",
    )


def test_animated_avif_is_refused() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green")]
    data = encode(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    refused(data, UnsupportedImage, "animation")


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
