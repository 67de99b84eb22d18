"""Measure what can be restored of hidden faces: scripts/bench restoring.

Each face is hidden by us and, for comparison, by a Gaussian blur as in photo editors. Then it is
restored by an attacker who knows how it was hidden: by Richardson-Lucy deconvolution (W. H.
Richardson, Bayesian-based iterative method of image restoration, JOSA 62(1), 1972) with the exact
kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.arguments import bench_parser
from facedetect import Box, Detector, Face, FacedetectError, crop, hide, load_image, write_image
from facedetect.images import BGRImage
from facedetect.settings import DetectorSettings

ROOT = Path(__file__).parents[1]
PORTRAITS = [ROOT / "tests/data" / name for name in ("astronaut.jpg", "grace_hopper.jpg")]

Plane = NDArray[np.float32]

SMALLEST = 60  # px; smaller faces have little detail to begin with
PATCHES = 6  # as in facedetect.hiding
MARGIN = 0.15
ROUNDS = 60
LEAST_CONFIDENCE, LEAST_OVERLAP = 0.99, 0.3
SHOWN_SIDE = 160


def soften(image: BGRImage, face: Face) -> BGRImage:
    """Apply a Gaussian blur to the whole picture, with a radius of a twentieth of the face."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), face.box.width / 20), np.uint8)


HIDINGS: dict[str, tuple[Callable[[BGRImage, Face], BGRImage], float]] = {
    "`blur`": (lambda image, face: hide(image, [face], "blur"), (1 + 2 * MARGIN) / PATCHES / 2),
    "`pixelate`": (
        lambda image, face: hide(image, [face], "pixelate"),
        (1 + 2 * MARGIN) / PATCHES / 2,
    ),
    "an editor's Gaussian blur": (soften, 1 / 20),
}
"""How faces are hidden, and the sigma of the kernel to undo, as a fraction of the face's width."""


def restore(image: BGRImage, sigma: float) -> BGRImage:
    """Apply Richardson-Lucy deconvolution with a Gaussian kernel."""
    seen = image.astype(np.float32) + 1
    guess = seen.copy()
    for _ in range(ROUNDS):
        ratio = seen / np.maximum(cv2.GaussianBlur(guess, (0, 0), sigma), 1e-3)
        guess *= cv2.GaussianBlur(ratio, (0, 0), sigma)
    return np.clip(np.rint(guess - 1), 0, 255).astype(np.uint8)


def detail(image: BGRImage, box: Box) -> Plane:
    """Return detail finer than a patch in the face's box: eyes, nose and mouth; with mean 0."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    coarse = cv2.GaussianBlur(grey, (0, 0), box.width * (1 + 2 * MARGIN) / PATCHES / 2)
    rows, columns = slice(int(box.y_min), int(box.y_max)), slice(int(box.x_min), int(box.x_max))
    part = (grey - coarse)[rows, columns]
    return np.asarray(part - part.mean(), np.float32)


def correlation(first: Plane, second: Plane) -> float:
    """Return 1 for the same detail, about 0 for that of another face."""
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float((first * second).sum()) / norms if norms else 0.0


@dataclass
class Restored:
    """What one way of hiding leaves of each face: the detail, before and after restoration."""

    left: list[float] = field(default_factory=list)
    restored: list[float] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)

    def row(self, name: str) -> str:
        figures = f"{fmean(self.left):.2f} | {fmean(self.restored):.2f} | {fmean(self.found):.0%}"
        return f"| {name} | {len(self.left)} | {figures} |"


def faces_in(detector: Detector, paths: Sequence[Path]) -> Iterator[tuple[BGRImage, Face]]:
    """Yield each large, certain face with its surroundings."""
    for path in paths:
        try:
            image = load_image(path)
            faces = detector.detect(image)
        except FacedetectError:
            continue
        for face in faces:
            if face.box.width >= SMALLEST and face.confidence > LEAST_CONFIDENCE:
                around = crop(image, face, margin=0.6)
                yield from ((around, found) for found in detector.detect(around, max_faces=1))


def try_face(
    detector: Detector, image: BGRImage, face: Face, results: dict[str, Restored]
) -> list[BGRImage]:
    """Hide a face in each way and restore it; return the pictures to show side by side."""
    shown, original = [image], detail(image, face.box)
    for name, (cover, share) in HIDINGS.items():
        hidden = cover(image, face)
        restored = restore(hidden, share * face.box.width)
        result = results[name]
        result.left.append(correlation(original, detail(hidden, face.box)))
        result.restored.append(correlation(original, detail(restored, face.box)))
        overlaps = (other.box.overlap(face.box) for other in detector.detect(restored))
        result.found.append(max(overlaps, default=0) > LEAST_OVERLAP)
        shown += [hidden, restored]
    return shown


def main() -> None:
    parser = bench_parser("restoring", __doc__)
    parser.add_argument("--pictures", type=Path, help="folder of photographs to add")
    parser.add_argument("--faces", type=int, default=60, help="maximum number of faces")
    parser.add_argument("--shown", type=Path, help="write a picture of the first two faces here")
    options = parser.parse_args()
    paths = sorted(options.pictures.rglob("*.jpg")) if options.pictures else []
    results = {name: Restored() for name in HIDINGS}
    with DetectorSettings.load().open_detector() as detector:
        faces = islice(faces_in(detector, PORTRAITS + paths), options.faces)
        tried = [try_face(detector, image, face, results) for image, face in faces]
    print("| hidden by | faces | detail left | after restoring | found as a face again |")
    print("| --- | --- | --- | --- | --- |")
    print(*(result.row(name) for name, result in results.items()), sep="\n")
    if options.shown:
        side = SHOWN_SIDE, SHOWN_SIDE
        rows = [np.hstack([cv2.resize(part, side) for part in row]) for row in tried[:2]]
        write_image(options.shown, np.vstack(rows))


if __name__ == "__main__":
    main()
