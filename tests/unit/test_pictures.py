from __future__ import annotations

from typing import Any, get_args

import cv2
import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from facedetect.errors import ImageTooLarge, InvalidSettings
from facedetect.images import (
    ENCODED_SUFFIXES,
    JPEG_SUFFIXES,
    BGRImage,
    ImageLimits,
    Metadata,
    decode_image,
)
from facedetect.render import render
from tests.conftest import ASTRONAUT, GRACE_HOPPER, face_at
from tests.unit.metadata import (
    CMYK,
    GREY,
    SRGB,
    WITH_EXIF,
    a_source,
    encode_like,
    exif_data,
    opened,
)
from tests.unit.pictures import FORMATS, encode, read_header, rgb, segment

LIMITS = ImageLimits()
LOSSLESS = (".png", ".webp", ".bmp", ".tif", ".tiff")
NAMES = {".png": "PNG", ".webp": "WebP", ".bmp": "BMP"} | dict.fromkeys(JPEG_SUFFIXES, "JPEG")
NAMES |= {".tif": "TIFF", ".tiff": "TIFF"}


@pytest.mark.parametrize("suffix", ENCODED_SUFFIXES)
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_becomes_every_other(astronaut: BGRImage, kind: str, suffix: str) -> None:
    image = astronaut[40:140, 160:280]
    source = a_source(image, kind)
    kind_is_lossy_webp = kind == "WEBP" and suffix == ".webp"
    for metadata in get_args(Metadata):
        result = encode_like(source, image, suffix, metadata)
        assert result == encode_like(source, image, suffix.upper(), metadata)
        assert read_header(result, LIMITS).format == NAMES[suffix]
        again = decode_image(result, LIMITS)
        if suffix in LOSSLESS and not kind_is_lossy_webp:
            assert np.array_equal(again, image)
        else:
            assert np.abs(again.astype(int) - image).mean() < 5


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_results_are_not_turned_again(astronaut: BGRImage, orientation: int) -> None:
    source = a_source(astronaut, "JPEG", exif=exif_data(orientation=orientation))
    upright = decode_image(source, LIMITS)
    for suffix in WITH_EXIF:
        again = decode_image(encode_like(source, upright, suffix, "keep"), LIMITS)
        assert np.abs(again.astype(int) - upright).mean() < 2


@pytest.mark.parametrize("photograph", [ASTRONAUT, GRACE_HOPPER])
def test_photographs_keep_their_quality_and_size(photograph: Any) -> None:
    source = photograph.read_bytes()
    image = decode_image(source, LIMITS)
    result = encode_like(source, image, ".jpg", "keep")
    assert len(result) == pytest.approx(len(source), rel=0.1)
    assert np.abs(decode_image(result, LIMITS).astype(int) - image).mean() < 0.5


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [40, 92])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_keeps_how_it_was_coded(
    astronaut: BGRImage, quality: int, subsampling: int, progressive: bool
) -> None:
    source = encode(
        rgb(astronaut), "JPEG", quality=quality, subsampling=subsampling, progressive=progressive
    )
    result = opened(encode_like(source, astronaut, ".jpg", "strip"))
    assert tables_of(result) == tables_of(opened(source))
    assert JpegImagePlugin.get_sampling(result) == subsampling
    assert bool(result.info.get("progressive")) is progressive


def tables_of(image: Any) -> list[list[int]]:
    return [image.quantization[component[3]] for component in image.layer]


def test_a_turned_jpeg_has_its_coding_turned(astronaut: BGRImage) -> None:
    """Else each rotation would lose what the other direction had kept."""
    tall = encode(rgb(astronaut), "JPEG", quality=60, subsampling=1, exif=exif_data(orientation=6))
    result = opened(encode_like(tall, astronaut, ".jpg", "strip"))
    stored = np.array(opened(tall).quantization[0]).reshape(8, 8)
    assert np.array_equal(np.array(result.quantization[0]).reshape(8, 8), stored.T)
    assert JpegImagePlugin.get_sampling(result) == 0
    flag = cv2.IMWRITE_JPEG_SAMPLING_FACTOR
    by_rows = cv2.imencode(".jpg", astronaut, [flag, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440])[1]
    turned = by_rows.tobytes()[:2] + segment(0xE1, exif_data()) + by_rows.tobytes()[2:]
    result = opened(encode_like(turned, astronaut, ".jpg", "strip"))
    assert JpegImagePlugin.get_sampling(result) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp", ".webp"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_grey_stays_grey_unless_it_is_drawn_upon(
    astronaut: BGRImage, kind: str, suffix: str
) -> None:
    grey = rgb(astronaut).convert("L")
    source = encode(grey, kind, icc_profile=GREY)
    image = decode_image(source, LIMITS)
    plain = opened(encode_like(source, image, suffix, "keep"))
    assert plain.mode == ("L" if suffix != ".webp" else "RGB")  # which knows no grey
    is_told = suffix in {".jpg", ".png", ".tif"}
    assert plain.info.get("icc_profile") == (GREY if is_told else None)
    drawn = render(image, [face_at(100, 100, side=90, confidence=0.9)], "box")
    result = encode_like(source, drawn, suffix, "keep")
    assert "icc_profile" not in opened(result).info
    assert np.abs(decode_image(result, LIMITS).astype(int) - drawn).mean() < 3


def test_cmyk_becomes_a_good_rgb_file_without_its_profile(astronaut: BGRImage) -> None:
    source = encode(rgb(astronaut).convert("CMYK"), "JPEG", quality=30, icc_profile=CMYK)
    image = decode_image(source, LIMITS)
    result = encode_like(source, image, ".jpg", "keep")
    assert opened(result).mode == "RGB"
    assert "icc_profile" not in opened(result).info
    assert np.abs(decode_image(result, LIMITS).astype(int) - image).mean() < 2


def test_noise_of_the_best_quality_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    best: dict[str, Any] = {"quality": 100, "subsampling": 0}
    source = encode(rgb(image[:80, :80]), "JPEG", progressive=True, **best)
    result = encode_like(source, image, ".jpg", "strip")
    assert np.abs(decode_image(result, LIMITS).astype(int) - image).mean() < 2
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits"])
def test_tiff_keeps_its_compression(noise: BGRImage, compression: str) -> None:
    source = encode(rgb(noise), "TIFF", compression=compression)
    result = encode_like(source, noise, ".tif", "keep")
    assert opened(result).info["compression"] == compression
    assert np.array_equal(decode_image(result, LIMITS), noise)


@pytest.mark.parametrize("compression", ["jpeg", "tiff_deflate", "tiff_adobe_deflate", "zstd"])
def test_tiff_loses_nothing_in_other_compressions(noise: BGRImage, compression: str) -> None:
    source = encode(rgb(noise), "TIFF", compression=compression)
    result = encode_like(source, noise, ".tif", "keep")
    assert opened(result).info["compression"] == "tiff_lzw"
    assert np.array_equal(decode_image(result, LIMITS), noise)


@pytest.mark.parametrize("more", [{}, {"exif": exif_data(), "icc_profile": SRGB}])
def test_lossy_webp_stays_lossy_and_lossless_stays_so(
    noise: BGRImage, more: dict[str, Any]
) -> None:
    for lossless in (False, True):
        source = encode(rgb(noise), "WEBP", lossless=lossless, **more)
        result = encode_like(source, noise, ".webp", "keep")
        assert (b"VP8L" in result) is lossless
        assert np.array_equal(decode_image(result, LIMITS), noise) is lossless


@pytest.mark.parametrize(("suffix", "side"), [(".jpg", 65501), (".JPEG", 65501), (".webp", 16384)])
def test_a_format_may_have_no_room(suffix: str, side: int) -> None:
    source = encode(Image.new("RGB", (8, 8)))
    for shape in ((1, side, 3), (side, 1, 3)):
        image = np.zeros(shape, np.uint8)
        with pytest.raises(ImageTooLarge, match=r"are too large for .*; use .png"):
            encode_like(source, image, suffix, "keep")
        assert encode_like(
            source, image[:-1] if side == shape[0] else image[:, :-1], suffix, "keep"
        )


def test_other_suffixes_are_refused(noise: BGRImage) -> None:
    with pytest.raises(InvalidSettings, match=r"\.gif"):
        encode_like(encode(rgb(noise)), noise, ".gif", "keep")
