"""Pictures and parameters on which the graph must equal the published tf-mtcnn graph.

Everything is cut, repeated and thinned out of the two photographs without interpolation, so that
the pixels are the same with every version of every library.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from facedetect import DetectionParams, ImageLimits
from facedetect.images import BGRImage, load_image
from tests.conftest import ASTRONAUT, GRACE_HOPPER

DEFAULTS = DetectionParams()
# The author's setting for the WIDER FACE benchmark, except for the smallest size.
RECIPE = DetectionParams(min_size=12, factor=0.79, thresholds=(0.5, 0.5, 0.3))


def model_inputs(params: DetectionParams) -> dict[str, object]:
    """The parameters that the model takes; views and presets are made outside of it."""
    return {name: getattr(params, name) for name in ("min_size", "thresholds", "factor")}


@dataclass(frozen=True)
class Case:
    picture: str
    image: BGRImage
    params: DetectionParams

    @property
    def name(self) -> str:
        params = self.params
        thresholds = "/".join(map(str, params.thresholds))
        return f"{self.picture} {params.min_size:g} {params.factor:g} {thresholds}"


def pictures() -> dict[str, BGRImage]:
    """By name: two portraits, a group at many sizes, no face at all, and the oddest shapes."""
    astronaut, hopper = (load_image(path, ImageLimits()) for path in (ASTRONAUT, GRACE_HOPPER))
    return {
        "astronaut": astronaut,
        "astronaut-half": astronaut[::2, ::2],
        "hopper": hopper,
        "hopper-double": hopper.repeat(2, axis=0).repeat(2, axis=1),
        "group": group(astronaut, hopper),
        "upside-down": astronaut[::-1, ::-1],
        "suit": astronaut[260:, :300],
        "black": np.zeros((240, 320, 3), np.uint8),
        "very-wide": np.tile(astronaut[50:190], (1, 6, 1)),
        "very-tall": np.tile(astronaut[:, 170:280], (5, 1, 1)),
        "thin-strip": astronaut[100:116],
        "13x13": astronaut[100:113, 200:213],
        "12x12": astronaut[100:112, 200:212],
        "11x11": astronaut[100:111, 200:211],
        "one-row": astronaut[:1],
        "one-column": astronaut[:, :1],
        "one-pixel": astronaut[:1, :1],
    }


def group(astronaut: BGRImage, hopper: BGRImage) -> BGRImage:
    """1280 x 886: both portraits whole, at a half, a third, a quarter and a sixth."""
    canvas = np.full((886, 1280, 3), 90, np.uint8)
    places = [
        (astronaut, 1, 0, 0),
        (hopper, 1, 0, 520),
        (astronaut, 2, 520, 0),
        (hopper, 2, 586, 270),
        (astronaut, 3, 610, 540),
        (hopper, 3, 610, 720),
        (astronaut, 4, 10, 1050),
        (hopper, 4, 10, 1150),
        (astronaut, 6, 200, 1050),
        (hopper, 6, 200, 1150),
        (astronaut[:, ::-1], 2, 340, 1024),
        (hopper[:, ::-1], 3, 620, 1000),
    ]
    for picture, step, top, left in places:
        small = picture[::step, ::step]
        height, width = small.shape[:2]
        canvas[top : top + height, left : left + width] = small[: 886 - top, : 1280 - left]
    return canvas


def cases() -> Iterator[Case]:
    """Every picture at the defaults and large steps; those with faces at many parameters."""
    all_pictures = pictures()
    for name, image in all_pictures.items():
        for params in (DEFAULTS, DetectionParams(min_size=12), DetectionParams(min_size=40)):
            yield Case(name, np.ascontiguousarray(image), params)
    for name in ("astronaut", "hopper", "group", "very-wide"):
        for params in (
            DetectionParams(min_size=80),
            DetectionParams(factor=0.5),
            DetectionParams(factor=0.85),
            DetectionParams(thresholds=(0.8, 0.9, 0.95)),
            RECIPE,
        ):
            yield Case(name, all_pictures[name], params)
