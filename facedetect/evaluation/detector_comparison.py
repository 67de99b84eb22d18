"""Compare what two detectors find in the same images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facedetect.detection_params import DetectionParams
from facedetect.detector import Detector
from facedetect.errors import PER_IMAGE_ERRORS
from facedetect.faces import Face
from facedetect.images import load_image
from facedetect.pairing import pair_boxes


@dataclass(frozen=True)
class ImageComparison:
    """One image: how many faces both found, which only one found, and how far faces moved.

    `shift` is the largest distance between a corner or landmark and its counterpart, px;
    `score_change` the largest change of a score. `error` says why it could not be processed.
    """

    image: str
    both: int = 0
    lost: list[Face] = field(default_factory=list)
    new: list[Face] = field(default_factory=list)
    shift: float = 0.0
    score_change: float = 0.0
    error: str | None = None

    def differs(self, tolerance: float) -> bool:
        """Return whether a face was lost, is new, or moved by more than `tolerance` px."""
        return bool(self.lost or self.new) or self.shift > tolerance


def compare_images(
    first: Detector,
    second: Detector,
    images: Iterable[tuple[str, Path]],
    params: DetectionParams,
    *,
    threads: int,
) -> Iterator[ImageComparison]:
    """Run both detectors on every image, given by name and path; yields results in order.

    Raises BackendUnavailable.
    """

    def compare(image: tuple[str, Path]) -> ImageComparison:
        name, path = image
        try:
            pixels = load_image(path, first.limits)
            found = [d.detect_upright(pixels, params).faces for d in (first, second)]
        except (*PER_IMAGE_ERRORS, OSError) as error:
            return ImageComparison(name, error=str(error))
        return compare_faces(name, *found)

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(compare, images)


def compare_faces(image: str, first: list[Face], second: list[Face]) -> ImageComparison:
    """Pair the faces whose boxes have an IoU above 0.5; the rest are lost or new."""
    pairs = pair_boxes([face.box for face in first], [face.box for face in second])
    paired_first, paired_second = ({pair[side] for pair in pairs} for side in (0, 1))
    changes = [(first[i], second[j]) for i, j in pairs]
    return ImageComparison(
        image=image,
        both=len(pairs),
        lost=[face for i, face in enumerate(first) if i not in paired_first],
        new=[face for j, face in enumerate(second) if j not in paired_second],
        shift=max((_shift(a, b) for a, b in changes), default=0.0),
        score_change=max((abs(a.confidence - b.confidence) for a, b in changes), default=0.0),
    )


def _shift(a: Face, b: Face) -> float:
    first, second = (np.reshape([*f.box.xyxy, *f.landmarks.xy], (-1, 2)) for f in (a, b))
    return float(np.linalg.norm(first - second, axis=1).max())
