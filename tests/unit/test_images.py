from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from facedetect.errors import ImageTooLarge, InvalidImage, InvalidSettings, UnsupportedImage
from facedetect.images import (
    BGRImage,
    ImageHeader,
    ImageInput,
    ImageLimits,
    decode_image,
    encode_image,
    load_image,
    read_image_file,
)
from tests.conftest import ASTRONAUT
from tests.unit.pictures import FORMATS, TURNS, encode, read_header, rgb, tiff_of, with_orientation

LIMITS = ImageLimits()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_decode_exactly(noise: BGRImage, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(decode_image(encode(rgb(noise), kind, **options), LIMITS), noise)


def test_jpeg_decodes_as_opencv_does(astronaut: BGRImage) -> None:
    by_opencv = cv2.imread(str(ASTRONAUT))
    assert by_opencv is not None
    assert np.array_equal(astronaut, by_opencv)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_is_applied(noise: BGRImage, orientation: int, kind: str) -> None:
    stored = np.ascontiguousarray(TURNS[orientation](noise))
    data = with_orientation(stored, orientation, kind)
    header = read_header(data, LIMITS)
    assert (header.height, header.width) == noise.shape[:2]
    assert np.array_equal(decode_image(data, LIMITS), noise)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_orientation_is_applied_once_in_lossy_formats(
    astronaut: BGRImage, orientation: int, kind: str
) -> None:
    portrait = astronaut[:320, 128:368]
    data = with_orientation(TURNS[orientation](portrait), orientation, kind, quality=95)
    header = read_header(data, LIMITS)
    assert (header.width, header.height) == (240, 320)
    assert np.abs(decode_image(data, LIMITS).astype(int) - portrait).mean() < 5


@pytest.mark.parametrize("kind", FORMATS)
def test_the_header_tells_size_and_format(noise: BGRImage, kind: str) -> None:
    names = {"WEBP": "WebP", "HEIF": "HEIC"}
    header = read_header(encode(rgb(noise), kind), LIMITS)
    assert header == ImageHeader(60, 40, names.get(kind, kind))


def test_the_header_is_read_without_decoding_pixels() -> None:
    data = encode(Image.linear_gradient("L"))
    broken = data.replace(data[60:90], bytes(30))
    assert read_header(broken, LIMITS) == ImageHeader(256, 256, "PNG")
    with pytest.raises(InvalidImage):
        decode_image(broken, LIMITS)


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


XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "JXL"])
def test_an_orientation_in_xmp_does_not_count(noise: BGRImage, kind: str) -> None:
    """As in browsers and other decoders; no file is rejected for it."""
    options: dict[str, Any] = {"tiffinfo": {700: XMP}} if kind == "TIFF" else {"xmp": XMP}
    if kind == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"pnginfo": text}
    data = encode(rgb(noise), kind, **options)
    assert b'tiff:Orientation="6"' in data
    header = read_header(data, LIMITS)
    assert decode_image(data, LIMITS).shape == (header.height, header.width, 3) == noise.shape


def test_palette_is_resolved(noise: BGRImage) -> None:
    paletted = rgb(noise).quantize(200)
    expected = cv2.cvtColor(np.asarray(paletted.convert("RGB")), cv2.COLOR_RGB2BGR)
    assert np.array_equal(decode_image(encode(paletted), LIMITS), expected)


def test_cmyk_keeps_its_colours() -> None:
    red = Image.new("RGB", (16, 16), (200, 30, 20)).convert("CMYK")
    blue_green_red = decode_image(encode(red, "JPEG"), LIMITS)[8, 8].astype(int)
    assert np.abs(blue_green_red - [20, 30, 200]).max() < 8


def test_16_bit_grey_has_a_transparent_value() -> None:
    deep = Image.fromarray(np.array([[0x1234, 0x1235]], np.uint16))
    assert decode_image(encode(deep, transparency=0x1234), LIMITS)[0, :, 0].tolist() == [255, 0x12]


def test_inverted_16_bit_grey_is_turned() -> None:
    white = tiff_of((258, 3, 1, 16), (262, 3, 1, 0), (279, 4, 1, 128), content=bytes(128))
    assert (decode_image(white, LIMITS) == 255).all()


def test_inverted_8_bit_grey_is_turned() -> None:
    assert (decode_image(tiff_of((262, 3, 1, 0)), LIMITS) == 255).all()


@pytest.mark.parametrize("mode", ["RGB;16", "RGBA;16"])
def test_deep_heic_keeps_its_colours(mode: str) -> None:
    colour = np.array([200, 100, 50, 255][: len(mode) - 3], np.uint16) * 257
    pixels = np.broadcast_to(colour, (64, 64, len(colour))).tobytes()
    buffer = io.BytesIO()
    pillow_heif.encode(mode, (64, 64), pixels, buffer, quality=95)
    assert (
        np.abs(decode_image(buffer.getvalue(), LIMITS)[9, 9].astype(int) - [50, 100, 200]).max() < 4
    )


def test_a_heic_of_many_pictures_is_its_primary_one() -> None:
    file = pillow_heif.from_pillow(Image.new("RGB", (64, 64), "blue"))
    file.add_from_pillow(Image.new("RGB", (128, 96), "red"))
    buffer = io.BytesIO()
    file.save(buffer, primary_index=1, thumbnails=[32])
    assert read_header(buffer.getvalue(), LIMITS) == ImageHeader(128, 96, "HEIC")
    assert decode_image(buffer.getvalue(), LIMITS)[9, 9, 2] > 240


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


def test_lab_colours_are_refused() -> None:
    with pytest.raises(UnsupportedImage, match="Lab"):
        read_header(encode(Image.new("LAB", (4, 4)), "TIFF"), LIMITS)


@pytest.mark.parametrize(("kind", "module"), [("HEIF", "pillow_heif"), ("JXL", "pillow_jxl")])
def test_heic_and_jpeg_xl_need_their_extra(kind: str, module: str) -> None:
    code = (
        f"import sys; sys.modules['{module}'] = None; "
        "from facedetect.images import ImageLimits, decode_image; "
        "decode_image(sys.stdin.buffer.read(), ImageLimits())"
    )
    data = encode(Image.new("RGB", (64, 64)), kind)
    ended = subprocess.run(
        [sys.executable, "-c", code], input=data, capture_output=True, check=False
    )
    assert b"UnsupportedImage" in ended.stderr
    assert b"pip install 'facedetect[heif]'" in ended.stderr


def test_paths_strings_bytes_arrays_and_pillow_images_are_the_same(astronaut: BGRImage) -> None:
    sources: list[ImageInput] = [
        ASTRONAUT,
        str(ASTRONAUT),
        ASTRONAUT.read_bytes(),
        astronaut,
        rgb(astronaut),
    ]
    sources += [bytearray(ASTRONAUT.read_bytes()), Image.open(ASTRONAUT)]
    for source in sources:
        assert np.array_equal(load_image(source, LIMITS), astronaut)


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
def test_a_pillow_image_is_turned_once(noise: BGRImage, orientation: int) -> None:
    """Pillow copies EXIF data to all that it makes of a picture."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    sides = rgb(noise).size
    exif.get_ifd(0x8769).update({40962: sides[0], 40963: sides[1]})
    file = Image.open(io.BytesIO(encode(rgb(noise), "PNG", exif=exif)))
    upright = ImageOps.exif_transpose(file)
    expected = np.asarray(upright)[..., ::-1]
    assert sides[0] != sides[1]
    for same in (file, file.convert("RGB"), file.copy(), upright):
        assert np.array_equal(load_image(same, LIMITS), expected)
    if orientation >= 5:
        degrees = {5: 90, 6: 270, 7: 270, 8: 90}[orientation]
        by_hand = file.rotate(degrees, expand=True)
        assert 0x0112 in by_hand.getexif()
        assert np.array_equal(load_image(by_hand, LIMITS), np.asarray(by_hand)[..., ::-1])


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
        with pytest.raises(ImageTooLarge, match=r"use \.png"):
            encode_image(wide, suffix)


def test_limits_hold_for_pillow_images() -> None:
    with Image.open(ASTRONAUT) as image, pytest.raises(ImageTooLarge):
        load_image(image, ImageLimits(max_pixels=100))


@pytest.mark.parametrize("suffix", ["", ".txt", ".gif"])
def test_other_suffixes_are_refused(noise: BGRImage, suffix: str) -> None:
    with pytest.raises(InvalidSettings, match=r"use \.png"):
        encode_image(noise, suffix)


def test_quality_is_for_formats_that_lose_something(astronaut: BGRImage) -> None:
    for suffix in (".jpg", ".webp"):
        small, large = (encode_image(astronaut, suffix, quality=quality) for quality in (30, 90))
        assert len(small) < len(large) / 2
    assert encode_image(astronaut, ".png", quality=30) == encode_image(astronaut, ".png")
