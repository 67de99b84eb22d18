"""Make faces unrecognisable, always on a copy."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from facedetect.crops import region_slices
from facedetect.errors import InvalidSettings
from facedetect.faces import Box, Face
from facedetect.images import BGRImage, ImageLimits, read_image_file
from facedetect.images.source_image import decoding_errors
from facedetect.styles import HidingStyle

MaskShape = Literal["rectangle", "ellipse"]

# The number of patches per side that remain of a face, before smoothing.
_PATCHES = 6
# Boxes end at chin and brow, but hair and ears are telling, too.
_MARGIN = 0.15
_MAX_MARGIN = 2.0
# A custom image covers faces and is sent to the decoder processes.
_IMAGE_SIDE = 512
_OPAQUE = 255


@dataclass(frozen=True)
class Mask:
    """The area that covers a face, and what it shows.

    `margin` is how far the mask extends beyond the face's box on each side, as a fraction of the
    box's size, 0 to 2. An ellipse touches the sides of that larger box. `image` is the file that
    the style `image` puts over each face; see `read_mask_image`. Raises InvalidSettings.
    """

    shape: MaskShape = "rectangle"
    margin: float = _MARGIN
    image: bytes = b""

    def __post_init__(self) -> None:
        if self.shape not in get_args(MaskShape):
            raise InvalidSettings(f"shape is {self.shape!r}; it must be rectangle or ellipse")
        if not 0 <= self.margin <= _MAX_MARGIN:
            raise InvalidSettings(f"margin is {self.margin}; it must be from 0 to {_MAX_MARGIN:g}")

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The image as BGRA [height, width, 4]."""
        with decoding_errors(), Image.open(io.BytesIO(self.image)) as image:
            return np.asarray(cv2.cvtColor(np.asarray(image.convert("RGBA")), cv2.COLOR_RGBA2BGRA))


DEFAULT_MASK = Mask()


def read_mask_image(path: str | os.PathLike[str]) -> bytes:
    """Read the image for `Mask(image=...)`, including transparency; raises InvalidImage.

    Images larger than 512 px per side are scaled down.
    """
    data = read_image_file(Path(path), ImageLimits())
    buffer = io.BytesIO()
    with decoding_errors(), Image.open(io.BytesIO(data)) as image:
        image.thumbnail((_IMAGE_SIDE, _IMAGE_SIDE))
        ImageOps.exif_transpose(image).convert("RGBA").save(buffer, "PNG")
    return buffer.getvalue()


def check_mask(style: str, mask: Mask) -> None:
    """Raise InvalidSettings if the style `image` has no image, or another style has one."""
    if style == "image" and not mask.image:
        raise InvalidSettings("the style image needs an image to cover faces with (--image FILE)")
    if style != "image" and mask.image:
        raise InvalidSettings(
            f"the style {style} does not use an image; leave it out, or use the style image"
        )


def hide(
    image: BGRImage,
    faces: Sequence[Face],
    style: HidingStyle = "blur",
    mask: Mask = DEFAULT_MASK,
) -> BGRImage:
    """Return a copy in which the mask hides each face irreversibly.

    `blur` and `pixelate` keep only the mean colours of 6 x 6 patches, however large the face, so no
    sharpening can restore it; `solid` keeps nothing. `image` shows `mask.image`, and the blurred
    face where that is transparent. Raises InvalidSettings for an unknown style, or a mask that does
    not match it.
    """
    if style not in get_args(HidingStyle):
        raise InvalidSettings(
            f"style is {style!r}; it must be one of {', '.join(get_args(HidingStyle))}"
        )
    check_mask(style, mask)
    canvas = image.copy()
    for face in faces:
        _hide_face(canvas, face.box, style, mask)
    return canvas


def _hide_face(canvas: BGRImage, box: Box, style: HidingStyle, mask: Mask) -> None:
    rows, columns = region_slices(canvas, box, mask.margin)
    region = canvas[rows, columns]
    cover = _cover(region, style)
    if style == "image":
        cover = _laid_over(cover, _mask_image(mask, box, rows, columns))
    if mask.shape == "rectangle":
        region[:] = cover
        return
    inside = _ellipse(box, mask.margin, rows, columns)
    region[inside] = cover[inside]


def _cover(region: BGRImage, style: HidingStyle) -> BGRImage:
    if style == "solid":
        return np.zeros_like(region)
    patches = cv2.resize(region, (_PATCHES, _PATCHES), interpolation=cv2.INTER_AREA)
    smoothing = cv2.INTER_NEAREST if style == "pixelate" else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(patches, region.shape[1::-1], interpolation=smoothing), np.uint8)


def _ellipse(box: Box, margin: float, rows: slice, columns: slice) -> NDArray[np.bool_]:
    """Return which pixels of the region are within the ellipse; at least those of a tiny face."""
    across, down = (max(1.0, side * (0.5 + margin)) for side in (box.width, box.height))
    ys, xs = np.ogrid[rows, columns]
    x = (xs + 0.5 - (box.x_min + box.x_max) / 2) / across
    y = (ys + 0.5 - (box.y_min + box.y_max) / 2) / down
    return np.asarray(x * x + y * y <= 1)


def _mask_image(mask: Mask, box: Box, rows: slice, columns: slice) -> NDArray[np.uint8]:
    """Return the part of the mask's image within the region, which is clipped to the picture."""
    left = math.floor(box.x_min - box.width * mask.margin)
    top = math.floor(box.y_min - box.height * mask.margin)
    width = max(1, math.ceil(box.x_max + box.width * mask.margin) - left)
    height = max(1, math.ceil(box.y_max + box.height * mask.margin) - top)
    whole = cv2.resize(mask.pixels, (width, height), interpolation=cv2.INTER_AREA)
    ys = np.clip(np.arange(rows.start, rows.stop) - top, 0, height - 1)
    xs = np.clip(np.arange(columns.start, columns.stop) - left, 0, width - 1)
    return np.asarray(whole[np.ix_(ys, xs)])


def _laid_over(below: BGRImage, above: NDArray[np.uint8]) -> BGRImage:
    alpha = above[..., 3:].astype(np.float32) / _OPAQUE
    return np.rint(above[..., :3] * alpha + below * (1 - alpha)).astype(np.uint8)
