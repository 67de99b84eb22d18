"""Files that other programs can open, one of each kind."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageCms

from facedetect.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from facedetect.images import BGRImage, ImageLimits, SourceImage, decode_image, encode_image
from facedetect.images.colour import profile_fits
from tests.unit.metadata import SRGB, display_p3
from tests.unit.pictures import (
    TURNS,
    encode,
    read_header,
    rgb,
    segment,
    with_orientation,
)

LIMITS = ImageLimits()

JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "progressive restarts": {"progressive": True, "restart_marker_blocks": 3},
}
TRAILER = b"\0\0\1\x0a\x0e\0\0\0Image_UTC_Data" + bytes(range(256)) * 20 + b"SEFHj\0\0\0" + b"SEFT"


def jpeg(image: BGRImage, kind: str, mode: str = "RGB") -> bytes:
    return encode(rgb(image).convert(mode), "JPEG", **JPEGS[kind])


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("end", [b"", b"\xff", TRAILER])
def test_a_jpeg_without_its_end_mark_is_whole(
    noise: BGRImage, kind: str, mode: str, end: bytes
) -> None:
    whole = jpeg(noise, kind, mode)
    assert np.array_equal(decode_image(whole[:-2] + end, LIMITS), decode_image(whole, LIMITS))


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_pixels_is_an_error_wherever_it_is_cut(
    astronaut: BGRImage, kind: str
) -> None:
    data = jpeg(astronaut[:60, :80], kind)
    for cut in {*range(3, 80), *range(80, len(data) - 99, 29)}:
        with pytest.raises(InvalidImage):
            decode_image(data[:-cut], LIMITS)


def test_scans_that_are_missing_are_missing_pixels(astronaut: BGRImage) -> None:
    data = jpeg(astronaut, "progressive")
    last = data.rindex(b"\xff\xda")
    for cut in (last, data.rindex(b"\xff\xc4", 0, last)):
        with pytest.raises(InvalidImage, match="truncated"):
            decode_image(data[:cut], LIMITS)


@pytest.mark.parametrize("said", [2, 6, 14])
@pytest.mark.parametrize("marker", [0xE1, 0xE2, 0xED, 0xFE])
def test_metadata_of_a_false_length_is_no_reason_to_refuse_a_photograph(
    noise: BGRImage, marker: int, said: int
) -> None:
    data = encode(rgb(noise), "JPEG")
    false = bytearray(segment(marker, b"Photoshop 3.0\0 and so on"))
    struct.pack_into(">H", false, 2, said)
    odd = data[:2] + bytes(false) + data[2:]
    assert np.array_equal(decode_image(odd, LIMITS), decode_image(data, LIMITS))


def test_a_jpeg_of_12_bits_is_named(noise: BGRImage) -> None:
    data = bytearray(encode(rgb(noise), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedImage, match="12 bits per sample"):
        read_header(bytes(data), LIMITS)


Masks = tuple[int, int, int, int]


def bmp(rgba: NDArray[np.uint8], header_bytes: int, masks: Masks, bits: int, down: bool) -> bytes:
    """A BMP file with channels where the masks say; without an alpha channel if its mask is 0."""
    height, width = rgba.shape[:2]
    number = np.zeros((height, width), np.uint64)
    for channel, mask in enumerate(masks):
        most = mask // max(mask & -mask, 1)
        value = (rgba[..., channel].astype(np.uint64) * most + 127) // 255
        number |= value * np.uint64(mask & -mask)
    rows = number.astype(f"<u{bits // 8}")
    rows = np.pad(rows, ((0, 0), (0, width % 2 if bits == 16 else 0)))
    pixels = (rows if down else rows[::-1]).tobytes()
    sides = width, -height if down else height
    header = struct.pack("<IiiHHI20x", header_bytes, *sides, 1, bits, 3)
    header += struct.pack("<4I", *masks)
    header = header[: max(header_bytes, 52)].ljust(header_bytes, b"\0")
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(header)) + header + pixels


BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
MASKS = {
    "BGRA": (BGRA, 32),
    "RGBA": ((0xFF, 0xFF00, 0xFF0000, 0xFF000000), 32),
    "ABGR": ((0xFF000000, 0xFF0000, 0xFF00, 0xFF), 32),
    "GBRA": ((0xFF00, 0xFF0000, 0xFF, 0xFF000000), 32),
    "10 bits": ((0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000), 32),
    "565": ((0xF800, 0x7E0, 0x1F, 0), 16),
    "555": ((0x7C00, 0x3E0, 0x1F, 0), 16),
    "1555": ((0x7C00, 0x3E0, 0x1F, 0x8000), 16),
    "4444": ((0xF00, 0xF0, 0xF, 0xF000), 16),
}


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("header_bytes", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("alpha", [0, 255])
@pytest.mark.parametrize(("masks", "bits"), MASKS.values(), ids=MASKS)
def test_the_channels_of_a_bmp_are_where_its_masks_say(
    noise: BGRImage, masks: Masks, bits: int, alpha: int, header_bytes: int, down: bool
) -> None:
    """An alpha channel that is 0 everywhere is none, as Windows' own screenshots have it."""
    rgba = np.dstack([noise[:, 1:, ::-1], np.full(noise[:, 1:].shape[:2], alpha, np.uint8)])
    found = decode_image(bmp(rgba, header_bytes, masks, bits, down), LIMITS)
    fewest = min(mask.bit_count() for mask in masks[:3])
    assert np.abs(found.astype(int) - noise[:, 1:]).max() <= 255 / (2**fewest - 1) / 2 + 1


@pytest.mark.parametrize("header_bytes", [56, 108, 124])
def test_the_alpha_channel_of_a_bmp_counts_if_anything_is_opaque(header_bytes: int) -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[:2, :, 3] = 255
    found = decode_image(bmp(rgba, header_bytes, BGRA, 32, down=True), LIMITS)
    assert (found[:2] == 0).all()
    assert (found[2:] == 255).all()


def test_a_cut_bmp_is_an_error(noise: BGRImage) -> None:
    rgba = np.dstack([noise, noise[..., 0]])
    with pytest.raises(InvalidImage, match="truncated"):
        decode_image(bmp(rgba, 124, BGRA, 32, down=False)[:-4], LIMITS)


def test_a_run_length_encoded_bmp_is_read() -> None:
    data = bytearray(encode(Image.new("L", (4, 2)), "BMP"))
    struct.pack_into("<I", data, 30, 1)
    data[1078:] = b"\4\7\0\0\4\x09\0\1"
    assert decode_image(bytes(data), LIMITS)[..., 0].tolist() == [4 * [9], 4 * [7]]


@pytest.mark.parametrize("compression", [4, 5])
def test_other_bmps_are_named(compression: int) -> None:
    data = bytearray(encode(Image.new("RGB", (4, 4)), "BMP"))
    data[30] = compression
    with pytest.raises(UnsupportedImage, match="Unsupported BMP compression"):
        read_header(bytes(data), LIMITS)


@pytest.mark.parametrize(("kind", "name"), [("JPEG2000", "JPEG 2000"), ("JXL", "JPEG XL")])
def test_jpegs_successors_are_read(noise: BGRImage, kind: str, name: str) -> None:
    options = {"lossless": True} if kind == "JXL" else {"irreversible": False}
    data = encode(rgb(noise), kind, **options)
    assert read_header(data, LIMITS).format == name
    assert np.array_equal(decode_image(data, LIMITS), noise)


@pytest.mark.parametrize("size", [(8, 8), (256, 256), (300, 200), (70, 3), (1, 5000), (600, 320)])
@pytest.mark.parametrize("use_container", [False, True])
def test_a_jpeg_xl_of_too_many_pixels_is_not_decoded(
    size: tuple[int, int], use_container: bool
) -> None:
    data = encode(Image.new("RGB", size), "JXL", use_container=use_container)
    width, height = size
    assert read_header(data, ImageLimits(max_pixels=width * height)).width == width
    with pytest.raises(ImageTooLarge, match=f"{width}x{height}"):
        read_header(data[:90], ImageLimits(max_pixels=width * height - 1))


GREEN = np.full((16, 16, 3), (40, 200, 30), np.uint8)


def as_shown(data: bytes) -> NDArray[np.uint8]:
    """Return the picture as a colour-managed program shows it: in sRGB."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    profile = image.info.get("icc_profile")
    if profile:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, source, target) or image
    return np.asarray(image)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif"])
def test_colours_of_a_wide_profile_look_the_same_in_every_format(suffix: str) -> None:
    profile = display_p3()
    source = encode(rgb(GREEN), "JPEG", quality=100, icc_profile=profile)
    with SourceImage.open(source, LIMITS) as file:
        encoding = file.read_encoding()
        result = encode_image(file.decode(), suffix, icc_profile=encoding.icc_profile)
    shown, expected = as_shown(result), as_shown(source)
    assert np.abs(shown.astype(int) - expected).max() <= 3
    assert np.abs(expected[0, 0].astype(int) - (30, 200, 40)).max() > 5, "else it shows nothing"


@pytest.mark.parametrize("profile", [b"", b"junk", bytes(200), SRGB[:200]])
def test_a_profile_that_is_none_is_left_away(profile: bytes) -> None:
    for suffix in (".png", ".tif"):
        assert encode_image(GREEN, suffix, icc_profile=profile) == encode_image(GREEN, suffix)


def test_cmyk_is_converted_by_its_profile() -> None:
    """As libvips does, whose CMYK profile it is; without one, inks would be subtracted from 255."""
    colours = np.random.default_rng(1).integers(0, 256, (4, 4, 3), np.uint8)
    colours = np.kron(colours, np.ones((16, 16, 1), np.uint8))
    printed = pyvips.Image.new_from_array(colours, interpretation="srgb").icc_transform("cmyk")
    for suffix, options in ((".jpg", {"Q": 100}), (".tif", {"compression": "lzw"})):
        data = printed.write_to_buffer(suffix, **options)
        second = pyvips.Image.new_from_buffer(data, "").icc_transform(
            "srgb", black_point_compensation=True, embedded=True
        )
        found = decode_image(data, LIMITS)[..., ::-1].astype(int)
        assert np.abs(found - second.numpy()).max() <= 4
        assert np.abs(found - colours).mean() < 25
        with SourceImage.open(data, LIMITS) as file:
            assert not profile_fits(file.read_encoding().icc_profile, "RGB")


def test_a_profile_that_a_format_refuses_is_applied() -> None:
    profile = display_p3() + b"more than its header says"
    result = as_shown(encode_image(GREEN, ".png", icc_profile=profile))
    assert np.array_equal(result, as_shown(encode_image(GREEN, ".bmp", icc_profile=profile)))


def test_a_long_profile_is_kept() -> None:
    profile = display_p3() + np.random.default_rng(1).bytes(200_000)
    profile = struct.pack(">I", len(profile)) + profile[4:]
    for suffix in (".png", ".webp"):
        data = encode_image(GREEN, suffix, icc_profile=profile)
        assert Image.open(io.BytesIO(data)).info["icc_profile"] == profile


@pytest.mark.parametrize("orientation", TURNS)
def test_a_jpeg_xl_is_turned_as_its_own_header_says(
    astronaut: BGRImage, tmp_path: Path, orientation: int
) -> None:
    """What was a JPEG file has the orientation there, too; EXIF's alone counts for nothing."""
    stored = TURNS[orientation](astronaut[:320, 128:368])
    photo = with_orientation(stored, orientation, "JPEG", quality=95)
    (tmp_path / "a.jpg").write_bytes(photo)
    with Image.open(tmp_path / "a.jpg") as image:
        own, exifs = (encode(image, "JXL", lossless_jpeg=was_jpeg) for was_jpeg in (True, False))
    header = read_header(own, LIMITS)
    assert (header.width, header.height) == (240, 320)
    difference = decode_image(own, LIMITS).astype(int) - decode_image(photo, LIMITS)
    assert np.abs(difference).mean() < 1
    assert np.abs(decode_image(exifs, LIMITS).astype(int) - stored).mean() < 5
