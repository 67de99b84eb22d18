"""Estimate an image's cost from its header, in pixels of its pyramid."""

from __future__ import annotations

import math
from dataclasses import dataclass

from facedetect.detection_params import DetectionParams
from facedetect.images import ImageHeader, ImageLimits

# Running P-Net on every pixel of the pyramid dominates the cost, so that is the unit: 0.1 us of one
# core. The cost of decoding a pixel, and of any request:
_DECODED_PIXEL_COST = 0.1
_REQUEST_COST = 50_000.0

# The cost of encoding a pixel of the result.
_ENCODED_PIXEL_COST = {".jpeg": 0.1, ".png": 0.5, ".webp": 1.5}

# The first threshold determines how many candidates R-Net gets, the second how many O-Net gets.
# Dividing one by ten adds this multiple of the cost (measured: 3 and 2 times at 0.1).
_DEFAULT_THRESHOLDS = DetectionParams().thresholds
_COST_OF_A_TENTH = (2.6, 1.0)

LIGHT_PIXELS = 2_000_000
"""A Full HD frame, as sent by cameras and by programs that scale their pictures down.

The extra slot for light images (`admission.py`) adds this many pixels to the memory bound.
"""


@dataclass(frozen=True)
class ImageCost:
    """The cost of processing one image: `slots` while it runs, and `work` in pyramid pixels.

    `is_light`: costs at most as much as `LIGHT_PIXELS` at the default parameters.
    """

    slots: int
    work: float
    is_light: bool = False


class CostModel:
    """Estimates costs. An image at a limit takes all slots, so memory is bounded by one of them."""

    def __init__(self, limits: ImageLimits, max_pyramid_pixels: float, slots: int) -> None:
        self._max_pixels = limits.max_pixels
        self._max_pyramid_pixels = max_pyramid_pixels
        self._slots = slots

    def estimate(
        self, header: ImageHeader, params: DetectionParams, encoded_as: str | None = None
    ) -> ImageCost:
        """Estimate the cost of an image, and of encoding a result with the suffix `encoded_as`."""
        pixels = header.width * header.height
        pyramid = params.pyramid_pixels(header.width, header.height)
        share = max(pixels / self._max_pixels, pyramid / self._max_pyramid_pixels)
        slots = min(self._slots, max(1, math.ceil(share * self._slots)))
        work = _work(pixels, pyramid, params)
        if encoded_as is not None:
            work += _ENCODED_PIXEL_COST[encoded_as] * pixels
        return ImageCost(slots, work, pixels <= LIGHT_PIXELS and work <= _LIGHT_WORK)


def _work(pixels: float, pyramid: float, params: DetectionParams) -> float:
    pairs = zip(_DEFAULT_THRESHOLDS, params.thresholds, _COST_OF_A_TENTH, strict=False)
    for default, threshold, cost in pairs:
        pyramid *= 1 + cost * max(0.0, math.log10(default / threshold))
    return _REQUEST_COST + _DECODED_PIXEL_COST * pixels + pyramid


_LIGHT_WORK = _work(
    LIGHT_PIXELS, DetectionParams().pyramid_pixels(LIGHT_PIXELS, 1), DetectionParams()
)
