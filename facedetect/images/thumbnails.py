"""Thumbnails for the contact sheet."""

from __future__ import annotations

import cv2
import numpy as np

from facedetect.images.encode import encode_image
from facedetect.images.pixels import BGRImage

_LONGEST_SIDE = 320
_QUALITY = 80


def make_thumbnail(image: BGRImage) -> bytes:
    """Return a JPEG whose longest side is at most 320 px; small images keep their size."""
    height, width = image.shape[:2]
    scale = _LONGEST_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return encode_image(image, ".jpg", quality=_QUALITY)
