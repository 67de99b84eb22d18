"""Hidden faces are unrecognisable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedetect import Mask, hide, load_image, read_mask_image, write_image
from facedetect.archive.processing import ProcessingOptions
from facedetect.errors import InvalidImage, InvalidSettings
from facedetect.hiding import MaskShape
from facedetect.images import BGRImage, ImageLimits, encode_image
from facedetect.model_ref import ModelRef
from facedetect.picture import LocalPicture
from facedetect.sandbox.decoder_pool import DecoderPool
from facedetect.sandbox.protocol import mask_message, to_mask
from facedetect.styles import HidingStyle
from tests.conftest import face_at

HIDING = ("blur", "pixelate", "solid")


@pytest.mark.parametrize("style", HIDING)
def test_a_face_is_hidden_with_a_margin_and_nothing_else(
    astronaut: BGRImage, style: HidingStyle
) -> None:
    before = astronaut.copy()
    hidden = hide(astronaut, [face_at(100, 200, side=80, confidence=0.9)], style)
    assert np.array_equal(astronaut, before)
    changed = np.argwhere((hidden != before).any(axis=2))
    assert changed.min(axis=0) == pytest.approx([188, 88], abs=1)
    assert changed.max(axis=0) == pytest.approx([291, 191], abs=1)


@pytest.mark.parametrize("style", HIDING)
def test_what_is_left_of_a_face_tells_nothing_of_it(
    style: HidingStyle,
) -> None:
    """Two faces whose patches have the same means look the same once they are hidden."""
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::2] = 200
    checks = np.zeros((96, 96, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 200
    everywhere = [face_at(0, 0, side=96, confidence=0.9)]
    hidden = [hide(image, everywhere, style) for image in (stripes, checks)]
    assert np.array_equal(hidden[0], hidden[1])


@pytest.mark.parametrize("style", HIDING)
def test_faces_at_the_edge_and_of_one_pixel_are_hidden(noise: BGRImage, style: HidingStyle) -> None:
    faces = [face_at(50, 30, side=10, confidence=0.9), face_at(3.2, 3.2, side=0.5, confidence=0.9)]
    hidden = hide(noise, faces, style)
    assert hidden.shape == noise.shape
    assert (hidden[29:, 49:] != noise[29:, 49:]).any()


@pytest.fixture
def sticker(tmp_path: Path) -> Path:
    """A green disc, transparent around it."""
    pixels = np.zeros((64, 64, 4), np.uint8)
    ys, xs = np.ogrid[:64, :64]
    pixels[(ys - 31.5) ** 2 + (xs - 31.5) ** 2 <= 30**2] = (0, 255, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "disc.png")
    return tmp_path / "disc.png"


def changed_by(image: BGRImage, hidden: BGRImage) -> BGRImage:
    return np.asarray((image != hidden).any(axis=2), np.uint8)


@pytest.mark.parametrize("style", HIDING)
def test_an_ellipse_leaves_the_corners_and_hides_what_is_within(
    noise: BGRImage, style: HidingStyle
) -> None:
    face = face_at(20, 10, side=20, confidence=0.9)
    image = np.ascontiguousarray(np.tile(noise, (1, 1, 1)))
    changed = changed_by(image, hide(image, [face], style, Mask("ellipse", margin=0)))
    assert not changed[10, 20]
    assert not changed[29, 39]
    assert changed[14:26, 24:36].mean() > 0.95
    everything = changed_by(image, hide(image, [face], style, Mask("rectangle", margin=0)))
    assert changed.sum() / everything.sum() == pytest.approx(np.pi / 4, abs=0.05)


def test_the_margin_says_how_far_a_mask_reaches(noise: BGRImage) -> None:
    face = face_at(20, 10, side=10, confidence=0.9)
    for margin in (0.0, 0.5, 1.0):
        changed = np.argwhere(changed_by(noise, hide(noise, [face], "solid", Mask(margin=margin))))
        assert changed.min(axis=0) == pytest.approx([10 - 10 * margin, 20 - 10 * margin])
        assert changed.max(axis=0) == pytest.approx([19 + 10 * margin, 29 + 10 * margin])


@pytest.mark.parametrize("shape", ["rectangle", "ellipse"])
def test_an_image_covers_the_face_and_blur_what_is_transparent(
    sticker: Path, noise: BGRImage, shape: MaskShape
) -> None:
    face = face_at(20, 10, side=20, confidence=0.9)
    mask = Mask(shape, 0, read_mask_image(sticker))
    hidden = hide(noise, [face], "image", mask)
    assert np.array_equal(hidden[20, 30], (0, 255, 0))
    blurred = hide(noise, [face], "blur", Mask(shape, 0))
    corner = 10, 20
    assert np.array_equal(hidden[corner], blurred[corner])
    assert not np.array_equal(hidden[11, 25], noise[11, 25])


def test_a_large_image_is_scaled_down_and_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (2048, 1024), "red").save(tmp_path / "red.jpg", exif=exif)
    assert Mask(image=read_mask_image(tmp_path / "red.jpg")).pixels.shape == (512, 256, 4)


def test_masks_that_cannot_be_right_are_told(tmp_path: Path, noise: BGRImage) -> None:
    with pytest.raises(InvalidSettings, match="must be from 0 to 2"):
        Mask(margin=-0.1)
    with pytest.raises(InvalidSettings, match="must be rectangle or ellipse"):
        Mask("star")  # type: ignore[arg-type]
    with pytest.raises(InvalidSettings, match="must be one of blur, pixelate, solid, image"):
        hide(noise, [], "box")  # type: ignore[arg-type]
    with pytest.raises(InvalidSettings, match="needs an image"):
        hide(noise, [], "image")
    with pytest.raises(InvalidSettings, match="does not use an image"):
        ProcessingOptions(style="blur", mask=Mask(image=b"any"))
    with pytest.raises(InvalidImage, match="does not exist"):
        read_mask_image(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InvalidImage, match="cannot be decoded"):
        read_mask_image(tmp_path / "text.png")


def test_another_mask_is_another_fingerprint(sticker: Path) -> None:
    masks = [Mask(), Mask("ellipse"), Mask(margin=0.3)]
    works = [ProcessingOptions(style="blur", mask=mask) for mask in masks]
    image = Mask(image=read_mask_image(sticker))
    works.append(ProcessingOptions(style="image", mask=image))
    prints = {work.fingerprint(ModelRef("m", 1)) for work in works}
    assert len(prints) == len(works)
    assert max(map(len, prints)) < 1000


def test_a_decoder_process_hides_with_the_same_mask(sticker: Path, noise: BGRImage) -> None:
    face = face_at(20, 10, side=20, confidence=0.9)
    mask = Mask("ellipse", 0.2, read_mask_image(sticker))
    assert to_mask(json.loads(json.dumps(mask_message(mask)))) == mask
    data, limits, encoded = encode_image(noise, ".png"), ImageLimits(), []
    pool = DecoderPool(1, limits)
    try:
        for picture in (LocalPicture(data, limits), pool.open(data)):
            with picture:
                picture.decode()
                picture.draw([face], "image", mask)
                encoded.append(picture.encode(".png"))
    finally:
        pool.close()
    assert encoded[0] == encoded[1]


def test_hiding_takes_what_load_image_gives(tmp_path: Path, noise: BGRImage) -> None:
    write_image(tmp_path / "noise.png", noise)
    hidden = hide(load_image(tmp_path / "noise.png"), [face_at(0, 0, side=8, confidence=1)])
    assert np.array_equal(hidden[20:], noise[20:])
