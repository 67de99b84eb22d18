from __future__ import annotations

import struct
import zlib
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from facedetect.images import (
    ENCODED_SUFFIXES,
    BGRImage,
    ImageLimits,
    Metadata,
    decode_image,
)
from facedetect.images.exif import filter_exif
from tests.unit.metadata import (
    ARTIST,
    CMYK,
    GREY,
    PREVIEW,
    SECRETS,
    SRGB,
    SUBJECT_AREA,
    WITH_EXIF,
    a_source,
    encode_like,
    exif_data,
    opened,
)
from tests.unit.pictures import FORMATS, chunk, encode, png_with, rgb

LIMITS = ImageLimits()


@pytest.mark.parametrize("suffix", ENCODED_SUFFIXES)
@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_told_that_should_not_be(noise: BGRImage, kind: str, suffix: str) -> None:
    source = a_source(noise, kind)
    private = [*SECRETS, b"Nikon", ARTIST, b"2026:01:02"]
    for metadata in get_args(Metadata):
        secrets = SECRETS if metadata == "keep" else private
        result = encode_like(source, noise, suffix, metadata)
        assert not [secret for secret in secrets if secret in result]
        file = opened(result)
        assert not {"xmp", "comment", "Comment", "XML:com.adobe.xmp", "photoshop"} & set(file.info)
        exif = file.getexif()
        assert not exif.get_ifd(ExifTags.IFD.IFD1)
        if metadata != "keep":
            assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
            assert not exif.get_ifd(ExifTags.IFD.Exif)
            assert "exif" not in file.info
            assert round(file.info.get("dpi", (96, 96))[0]) in {1, 96}  # what is no one's
        if metadata == "strip":
            assert "icc_profile" not in file.info


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_the_sources_hold_what_results_must_not(noise: BGRImage, kind: str) -> None:
    """Without this, the test above could not fail."""
    source = a_source(noise, kind)
    assert b"Nikon" in source
    assert b"of the xmp" in source
    if kind not in {"TIFF", "AVIF"}:  # Pillow's writers leave them away themselves
        assert PREVIEW in source
        assert b"maker's note" in source


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", WITH_EXIF)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_exif_is_kept(noise: BGRImage, kind: str, suffix: str, order: str) -> None:
    source = a_source(noise, kind, exif=exif_data(order))
    result = encode_like(source, noise, suffix, "keep")
    assert (ARTIST if kind != "AVIF" else b"Jos??") in result  # as Pillow wrote it
    exif = opened(result).getexif()
    assert exif[ExifTags.Base.Make] == "Nikon"
    assert exif.get(ExifTags.Base.Orientation, 1) == 1
    assert exif[ExifTags.Base.XResolution] == 300
    exposure = exif.get_ifd(ExifTags.IFD.Exif)
    assert exposure[ExifTags.Base.DateTimeOriginal] == "2026:01:02 03:04:05"
    assert exposure[ExifTags.Base.ExposureTime] == 1 / 250
    assert exposure[ExifTags.Base.ExifImageWidth] == 60
    assert exposure[ExifTags.Base.ExifImageHeight] == 40
    assert not {ExifTags.Base.MakerNote, SUBJECT_AREA} & set(exposure)
    assert exif.get_ifd(ExifTags.IFD.GPSInfo) == {1: "N", 2: (52.5, 31.25, 7.5)}
    assert decode_image(result, LIMITS).shape == noise.shape


@pytest.mark.parametrize("suffix", WITH_EXIF)
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_fields_of_a_tiff_file_are_kept(noise: BGRImage, order: str, suffix: str) -> None:
    source = a_tiff_of_a_camera(noise, order)
    assert b"maker's note" in source
    result = encode_like(source, noise, suffix, "keep")
    assert b"maker's note" not in result
    exif = opened(result).getexif()
    assert exif[ExifTags.Base.Make] == "Nikon"
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] == 1 / 250
    if suffix == ".tif":
        assert result.startswith(b"II*\0" if order == "<" else b"MM\0*")
        assert np.array_equal(decode_image(result, LIMITS), noise)


def a_tiff_of_a_camera(image: BGRImage, order: str) -> bytes:
    """The data of EXIF is a TIFF file: it lacks nothing but pixels, which stand behind it."""
    exif = Image.Exif()
    exif.load(exif_data(order, orientation=1))
    for tag, value in {256: 60, 257: 40, 259: 1, 262: 2, 277: 3, 278: 40, 279: 7200}.items():
        exif[tag] = value
    exif[258], exif[273] = (8, 8, 8), 10_000
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    return data.ljust(10_000, b"\0") + rgb(image).tobytes()


@pytest.mark.parametrize("suffix", WITH_EXIF)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_the_colour_profile_is_kept(noise: BGRImage, kind: str, suffix: str) -> None:
    source = a_source(noise, kind)
    for metadata in get_args(Metadata):
        result = encode_like(source, noise, suffix, metadata)
        profile = None if metadata == "strip" else SRGB
        assert opened(result).info.get("icc_profile") == profile


def test_a_colour_profile_in_several_parts_is_kept(noise: BGRImage) -> None:
    profile = SRGB + np.random.default_rng(3).bytes(200_000)
    source = a_source(noise, "JPEG", icc_profile=profile)
    result = encode_like(source, noise, ".jpg", "colour")
    assert opened(result).info["icc_profile"] == profile
    lacking = source.replace(b"ICC_PROFILE\0\4", b"ICC_PROFILF\0\4")
    assert "icc_profile" not in opened(encode_like(lacking, noise, ".jpg", "keep")).info


@pytest.mark.parametrize(
    "profile",
    [b"", b"short", bytes(200), CMYK, GREY, SRGB[:30]],
    # Not by their bytes: profiles hold the time they were made, and workers need equal names.
    ids=["empty", "short", "zeros", "CMYK", "grey", "truncated"],
)
def test_profiles_of_other_pixels_are_left_away(noise: BGRImage, profile: bytes) -> None:
    source = encode(rgb(noise), "JPEG", icc_profile=profile)
    assert "icc_profile" not in opened(encode_like(source, noise, ".png", "keep")).info


def test_a_packed_profile_of_any_length_is_no_danger() -> None:
    source = png_with(chunk(b"iCCP", b"ICC\0\0" + zlib.compress(SRGB + bytes(50_000_000))))
    result = encode_like(source, np.zeros((8, 8, 3), np.uint8), ".png", "keep")
    assert b"iCCP" not in result


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF"])
def test_the_resolution_is_kept(noise: BGRImage, kind: str, suffix: str) -> None:
    source = encode(rgb(noise), kind, dpi=(300, 150))
    result = opened(encode_like(source, noise, suffix, "keep"))
    assert result.info["dpi"] == pytest.approx((300, 150), abs=0.02)
    turned = encode(rgb(noise), kind, dpi=(300, 150), exif=exif_data())
    if kind in {"JPEG", "PNG"} and suffix != ".tif":
        result = opened(encode_like(turned, noise, suffix, "keep"))
        assert result.info["dpi"] == pytest.approx((150, 300), abs=0.02)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"junk"])
def test_broken_exif_is_left_away(noise: BGRImage, kind: str, exif: bytes) -> None:
    source = encode(rgb(noise), kind, exif=exif, icc_profile=SRGB)
    for suffix in WITH_EXIF:
        result = opened(encode_like(source, noise, suffix, "keep"))
        assert "exif" not in result.info
        assert result.info["icc_profile"] == SRGB


def test_exif_that_no_jpeg_has_room_for_is_left_away(noise: BGRImage) -> None:
    exif = Image.Exif()
    for tag in (270, 315, 33432):
        exif[tag] = "long" * 8_000
    source = encode(rgb(noise), "PNG", exif=exif)
    assert b"longlong" not in encode_like(source, noise, ".jpg", "keep")


def test_directories_within_each_other_come_to_an_end() -> None:
    entry = struct.pack("<HHII", 34665, 4, 1, 8)
    data = b"II*\0" + struct.pack("<IH", 8, 5000) + 5000 * entry + bytes(4)
    assert filter_exif(data, 1, 1) == b""


def test_values_begin_at_even_places() -> None:
    exif = Image.Exif()
    for tag in (270, 271, 315):
        exif[tag] = "of six"  # and a zero
    kept = filter_exif(exif.tobytes(), 60, 40)
    places = struct.unpack_from(">" + 3 * "8xI", kept, 10)
    assert not [place for place in places if place % 2]


def test_pointers_may_have_any_type() -> None:
    data = exif_data("<")
    at = data.index(struct.pack("<HH", 34665, 4)) + 2
    for kind in range(256):
        exif = Image.Exif()
        exif.load(filter_exif(data[:at] + bytes([kind]) + data[at + 1 :], 60, 40))
        assert exif[ExifTags.Base.Make] == "Nikon"


@given(changes=st.lists(st.tuples(st.integers(0, 450), st.integers(0, 255)), max_size=8))
def test_damaged_exif_gives_whole_exif_or_none(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(exif_data())
    for at, value in changes:
        damaged[at % len(damaged)] = value
    exif = filter_exif(bytes(damaged), 60, 40)
    if exif:
        assert filter_exif(exif, 60, 40) == exif
        image = np.zeros((4, 4, 3), np.uint8)
        source = encode(Image.new("RGB", (4, 4)), "WEBP", exif=bytes(damaged))
        for suffix in WITH_EXIF:
            decode_image(encode_like(source, image, suffix, "keep"), LIMITS)


@given(data=st.binary(max_size=200))
def test_any_bytes_may_stand_for_exif(data: bytes) -> None:
    for start in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        exif = filter_exif(start + data, 60, 40)
        assert filter_exif(exif, 60, 40) == exif
