"""TIFF files of every layout, and RAW photographs, which are TIFF files."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facedetect.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from facedetect.images import BGRImage, ImageHeader, ImageLimits, decode_image
from facedetect.images.tiff_directory import read_pages
from tests.unit.pictures import encode, exif_of, read_header, rgb
from tests.unit.tiffs import (
    CMYK,
    DEFLATE,
    GREY,
    GREY_INVERTED,
    PREMULTIPLIED,
    RGB,
    SENSOR,
    STRAIGHT,
    UNSPECIFIED,
    Layout,
    write_tiff,
)

LIMITS = ImageLimits()
Pixels = NDArray[np.uint8]


def random_samples(count: int, bits: int = 8, seed: int = 1) -> NDArray[np.uint16]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 2**bits, (37, 53, count), np.uint16)


def scaled(samples: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """To 8 bits, as depths are."""
    eight_bits = samples >> (bits - 8) if bits >= 8 else samples * 255 // (2**bits - 1)
    return eight_bits.astype(np.uint16)


def decoded_rgb(data: bytes) -> Pixels:
    return decode_image(data, LIMITS)[..., ::-1]


STORED = [
    Layout(),
    Layout(order=">"),
    Layout(is_planar=True),
    Layout(rows=10),
    Layout(rows=10, is_planar=True, order=">"),
    Layout(compression=DEFLATE),
    Layout(compression=DEFLATE, is_planar=True, order=">", rows=9),
    Layout(tile=16),
    Layout(tile=16, is_planar=True, compression=DEFLATE),
    Layout(is_big=True),
    Layout(is_big=True, order=">", tile=32),
]


def names(layout: Layout) -> str:
    return re.sub(r"\w+=(0|1|8|2|False|\(\)|\{\}|'<'),? ?", "", repr(layout))


@pytest.mark.parametrize("stored", STORED, ids=names)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_colours_are_read_whatever_their_depth_and_order(bits: int, stored: Layout) -> None:
    samples = random_samples(3, bits)
    layout = Layout(**{**vars(stored), "bits": bits})
    assert np.array_equal(decoded_rgb(write_tiff((samples, layout))), scaled(samples, bits))


@pytest.mark.parametrize("photometric", [GREY, GREY_INVERTED])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 9, 10, 12, 14, 16])
def test_grey_is_read_whatever_its_depth(bits: int, order: str, photometric: int) -> None:
    samples = random_samples(1, bits)
    layout = Layout(bits=bits, order=order, photometric=photometric)
    expected = scaled(samples, bits)
    expected = 255 - expected if photometric == GREY_INVERTED else expected
    found = decoded_rgb(write_tiff((samples, layout)))
    assert np.array_equal(found, np.repeat(expected, 3, axis=2))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("bits", [8, 16])
def test_differences_are_added_up(bits: int, tile: int, is_planar: bool, order: str) -> None:
    samples = random_samples(4, bits).astype(f"u{bits // 8}")
    layout = Layout(bits, tile=tile, is_planar=is_planar, order=order, extras=(UNSPECIFIED,))
    layout = Layout(**{**vars(layout), "compression": DEFLATE, "predictor": 2})
    expected = scaled(samples[..., :3].astype(np.uint16), bits)
    assert np.array_equal(decoded_rgb(write_tiff((samples, layout))), expected)


ALPHAS = (PREMULTIPLIED, STRAIGHT, UNSPECIFIED)


@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize(("photometric", "colours"), [(GREY, 1), (RGB, 3), (CMYK, 4)])
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_alpha_is_laid_over_white(
    alpha: int, bits: int, photometric: int, colours: int, is_planar: bool
) -> None:
    samples = random_samples(colours + 1, bits)
    if alpha == PREMULTIPLIED:
        samples = np.minimum(samples, samples[..., -1:])
    layout = Layout(bits, photometric, extras=(alpha,), is_planar=is_planar)
    found = decoded_rgb(write_tiff((samples, layout))).astype(float)
    values = scaled(samples, bits).astype(float)
    part = values[..., -1:] / 255 if alpha != UNSPECIFIED else 1.0
    ink = values[..., :-1] * (part if alpha == STRAIGHT else 1)
    if photometric == CMYK:
        expected = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
    else:
        expected = np.broadcast_to(ink + 255 * (1 - part), found.shape)
    assert np.abs(found - expected).max() < 3


def test_samples_behind_the_alpha_are_ignored() -> None:
    samples = random_samples(6)
    samples[..., 4] = 255
    layout = Layout(extras=(UNSPECIFIED, STRAIGHT, UNSPECIFIED))
    assert np.array_equal(decoded_rgb(write_tiff((samples, layout))), samples[..., :3])


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_deep_tiffs_are_turned(noise: BGRImage, orientation: int) -> None:
    by_pillow = encode(rgb(noise), "TIFF", exif=exif_of(orientation))
    layout = Layout(16, more={274: orientation})
    by_us = write_tiff((noise[..., ::-1].astype(np.uint16) * 257, layout))
    assert read_header(by_us, LIMITS) == read_header(by_pillow, LIMITS)
    assert np.array_equal(decode_image(by_us, LIMITS), decode_image(by_pillow, LIMITS))


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        (Layout(32, sample_format=3), "32-bit floating-point RGB"),
        (Layout(16, sample_format=3), "16-bit floating-point RGB"),
        (Layout(32), "32-bit RGB"),
        (Layout(16, sample_format=2), "16-bit signed RGB"),
        (Layout(16, photometric=3), "16-bit palette"),
        (Layout(8, photometric=32845), "8-bit LogLuv"),
        (Layout(8, photometric=6), "8-bit YCbCr"),
        (Layout(compression=34887), "uses LERC compression"),
        (Layout(compression=4), "8-bit RGB"),
        (Layout(compression=50001), "uses WebP compression"),
        (Layout(compression=6), "uses old-style JPEG compression"),
        (Layout(compression=65535), r"uses unknown \(65535\) compression"),
    ],
)
def test_other_layouts_are_named(layout: Layout, words: str) -> None:
    with pytest.raises(UnsupportedImage, match=words) as caught:
        read_header(write_tiff((random_samples(3), layout)), LIMITS)
    assert "original" not in str(caught.value)


@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize(("bits", "compression"), [(16, 1), (12, 1), (16, DEFLATE)])
def test_missing_samples_are_an_error(bits: int, compression: int, is_planar: bool) -> None:
    layout = Layout(bits, compression=compression, is_planar=is_planar, more={257: 5000})
    data = write_tiff((random_samples(3, bits), layout))
    with pytest.raises(InvalidImage):
        decode_image(data, LIMITS)


@pytest.mark.parametrize("is_white", [False, True])
@pytest.mark.parametrize("coding", ["group3", "group4", "tiff_ccitt"])
def test_scans_in_black_and_white(noise: BGRImage, coding: str, is_white: bool) -> None:
    page = Image.fromarray(noise).convert("1")
    data = encode(page, "TIFF", compression=coding, tiffinfo={262: int(not is_white)})
    expected = np.asarray(page.convert("RGB"))
    assert np.array_equal(decoded_rgb(data), expected)
    with pytest.raises(InvalidImage):
        decoded_rgb(data[: len(data) // 2])


@pytest.mark.parametrize(("bits", "compression"), [(16, 1), (12, 1), (4, 1), (16, DEFLATE)])
def test_bits_may_be_stored_the_other_way_round(bits: int, compression: int) -> None:
    samples = random_samples(1, bits)
    layout = Layout(bits, photometric=1, compression=compression)
    data = write_tiff((samples, layout))
    reversed_bits = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    other = write_tiff((samples, replace(layout, more={266: 2})))
    page = next(iter(read_pages(other)))
    start, size = page.number(273), page.number(279)
    strip = other[start : start + size].translate(reversed_bits)
    other = other[:start] + strip + other[start + size :]
    assert np.array_equal(decoded_rgb(other), decoded_rgb(data))


REDUCED, MASK = {254: 1}, {254: 4}


@pytest.mark.parametrize("marked", [REDUCED, MASK, {254: 5}, {255: 2}])
@pytest.mark.parametrize("is_first", [False, True])
def test_thumbnails_and_masks_are_no_pages(marked: dict[int, int], is_first: bool) -> None:
    picture = random_samples(3), Layout()
    small = random_samples(3)[:8, :8], Layout(more=marked)
    data = write_tiff(*((small, picture) if is_first else (picture, small, small)))
    assert np.array_equal(decoded_rgb(data), picture[0])
    two = write_tiff(picture, small, picture)
    with pytest.raises(ImageTooLarge, match="more frames or pages than the 1 allowed"):
        read_header(two, LIMITS)


def test_a_tiff_of_nothing_but_thumbnails_is_its_first_page() -> None:
    small = random_samples(3), Layout(more=REDUCED)
    assert np.array_equal(decoded_rgb(write_tiff(small)), small[0])


DNG = {50706: 0x00000401}
SENSOR_PIXELS = np.zeros((40, 62, 1), np.uint16)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_full_preview_of_a_raw_photograph_is_taken(order: str) -> None:
    thumbnail = random_samples(3)[:8, :8], Layout(order=order, more=REDUCED | DNG)
    sensor = SENSOR_PIXELS, Layout(14, SENSOR, order=order)
    preview = random_samples(3), Layout(order=order, more=REDUCED)
    data = write_tiff(thumbnail, sensor, preview, sub_pages=2)
    assert read_header(data, LIMITS) == ImageHeader(53, 37, "RAW")
    assert np.array_equal(decoded_rgb(data), preview[0])


@pytest.mark.parametrize("more", [DNG, {}])
def test_a_raw_photograph_without_a_full_preview_is_refused(more: dict[int, int]) -> None:
    thumbnail = random_samples(3)[:27, :40], Layout(more=REDUCED | more)
    data = write_tiff(thumbnail, (SENSOR_PIXELS, Layout(14, SENSOR)), sub_pages=1)
    with pytest.raises(UnsupportedImage, match="RAW photograph"):
        read_header(data, LIMITS)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_in_a_raw_photograph_is_turned_as_the_camera_was(
    noise: BGRImage, orientation: int
) -> None:
    jpeg = encode(rgb(noise), "JPEG", quality=95)

    def raw(jpeg_at: int) -> bytes:
        more = {274: orientation, 513: jpeg_at, 514: len(jpeg)}
        thumbnail = random_samples(3)[:8, :8], Layout(more=REDUCED | more)
        return write_tiff(thumbnail, (SENSOR_PIXELS, Layout(14, SENSOR)), sub_pages=1)

    data = raw(len(raw(1))) + jpeg
    turned = encode(rgb(noise), "JPEG", quality=95, exif=exif_of(orientation))
    assert np.array_equal(decode_image(data, LIMITS), decode_image(turned, LIMITS))
    assert read_header(data, LIMITS).width == decode_image(turned, LIMITS).shape[1]


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
        b"FUJIFILMCCD-RAW 0201FF129502",
        b"IIU\0\x18\0\0\0",
        b"IIRO\x08\0\0\0",
        b"\0MRM\0\x01\x02\x03",
        b"II*\0\x08\n\0\0IIIICwaR",
    ],
    ids=["CR3", "RAF", "RW2", "ORF", "MRW", "IIQ"],
)
def test_other_raw_files_are_named(data: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="RAW photograph"):
        read_header(data + bytes(100), LIMITS)
