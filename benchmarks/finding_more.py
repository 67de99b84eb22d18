"""Measure what looks, rotations and presets find and cost: scripts/bench finding-more --wider DIR.

Updates the sections of docs/finding-more.md. Each view of a picture is searched once and stored;
looks and rotations are fused from these as in a detector. The labelled pictures are not part of
the project.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.arguments import bench_parser
from benchmarks.pages import print_table, write_section
from facedetect import DetectionParams, Detector, load_image
from facedetect.detection_params import ROTATIONS
from facedetect.evaluation.average_precision import PrecisionRecallCurve, score_boxes
from facedetect.evaluation.bootstrap import bootstrap_difference
from facedetect.evaluation.dataset import ALL, Dataset
from facedetect.evaluation.datasets.open_dataset import open_dataset
from facedetect.evaluation.detector_adapters import to_detections
from facedetect.evaluation.evaluation_run import KNOWN_SETTINGS
from facedetect.evaluation.image_detections import ImageDetections
from facedetect.evaluation.landmark_errors import (
    LandmarkErrors,
    mean_over_common_faces,
    score_landmarks,
)
from facedetect.faces import Face
from facedetect.fusion import fuse_looks
from facedetect.presets import PRESETS
from facedetect.view_search import combine
from facedetect.views import View, looks_at

Found = Mapping[tuple[str, View], tuple[list[Face], float]]
"""The faces found in a view of an image, and the time, s."""

_LOOKS = (1, 2, 4, 6)
_LEVELS = ("easy", "medium", "hard")


def main() -> None:
    parser = bench_parser("finding-more", __doc__, page="finding-more.md")
    parser.add_argument("--wider", type=Path, required=True, help="a file of labelled boxes")
    parser.add_argument("--aflw", type=Path, help="a file of labelled landmarks, one-based")
    parser.add_argument("--bootstrap", type=int, default=2000, help="bootstrap rounds")
    parser.add_argument("--timed", type=int, default=20, help="images to time")
    parser.add_argument(
        "--kept",
        type=Path,
        default=Path(".bench/finding-more"),
        help="folder for stored detections",
    )
    arguments = parser.parse_args()
    arguments.kept.mkdir(parents=True, exist_ok=True)
    dataset = with_all_faces(open_dataset(arguments.wider))
    recipe = search_views(dataset, "recipe", KNOWN_SETTINGS["recipe"], looks_at(0, 6), arguments)
    write_section(arguments.page, "looks", looks_table(dataset, recipe, arguments.bootstrap))
    if arguments.aflw:
        landmarks = landmarks_table(open_dataset(arguments.aflw, one_based=True))
        write_section(arguments.page, "landmarks", landmarks)
    found: dict[str, Found] = {
        name: search_views(dataset, name, params, all_views(params), arguments)
        for name, params in PRESETS.items()
    }
    ratios = times(dataset, contestants(), arguments.timed)
    write_section(arguments.page, "presets", presets_table(dataset, found, ratios))
    write_section(arguments.page, "turned", turned_table(dataset, found["balanced"]))


def with_all_faces(dataset: Dataset) -> Dataset:
    """Add the subset of all labelled faces."""
    images = tuple(
        replace(one, subset_masks={**one.subset_masks, ALL: np.ones(len(one.boxes), bool)})
        for one in dataset.images
    )
    return replace(dataset, images=images, subsets=(*dataset.subsets, ALL))


def all_views(params: DetectionParams) -> list[View]:
    return [view for rotation in ROTATIONS for view in looks_at(rotation, params.looks)]


def search_views(
    dataset: Dataset,
    name: str,
    params: DetectionParams,
    views: Iterable[View],
    arguments: argparse.Namespace,
) -> Found:
    """Search each view of each image separately, unless it is already stored."""
    path: Path = arguments.kept / f"{name}.pkl"
    if not path.exists():
        with Detector(max_pyramid_pixels=float("inf")) as detector:
            found = dict(_search(dataset, detector, params.of_one_view(), list(views)))
        path.write_bytes(pickle.dumps(found))
    kept: Found = pickle.loads(path.read_bytes())  # noqa: S301 - our own file
    return kept


def _search(
    dataset: Dataset, detector: Detector, params: DetectionParams, views: Sequence[View]
) -> Iterable[tuple[tuple[str, View], tuple[list[Face], float]]]:
    for labelled in track(dataset.images, "Searching", console=Console(stderr=True)):
        image = load_image(labelled.path)
        for view in views:
            started = time.perf_counter()
            pixels = view.of(image)
            faces = detector.detect(pixels, params)
            shown = [view.face_in_picture(face, pixels, image) for face in faces]
            yield (labelled.name, view), (shown, time.perf_counter() - started)


def faces_of(found: Found, params: DetectionParams, turned_by: int, image: str) -> list[Face]:
    """Return what the detector finds with these parameters in an image rotated clockwise."""

    def found_at(rotation: int) -> list[Face]:
        views = looks_at((rotation + turned_by) % 360, params.looks)
        return fuse_looks([found[image, view][0] for view in views])

    return combine(found_at, params)


def curves(
    dataset: Dataset, answer: Callable[[str], list[Face]]
) -> Mapping[str, PrecisionRecallCurve]:
    detections: list[ImageDetections] = []
    for image in dataset.images:
        faces = sorted(answer(image.name), key=lambda face: -face.confidence)
        detections.append(to_detections(image.name, faces, 0.0))
    return score_boxes(dataset, detections)


def looks_table(dataset: Dataset, found: Found, rounds: int) -> str:
    """Return average precision by number of looks, and the gain over one look."""
    params = KNOWN_SETTINGS["recipe"]
    rows = [["looks", *_LEVELS, *(f"{level}, more than with one" for level in _LEVELS), "time"]]
    by_looks = {
        looks: curves(dataset, partial(faces_of, found, replace(params, looks=looks), 0))
        for looks in _LOOKS
    }
    for looks, scored in by_looks.items():
        cells = [str(looks), *(f"{scored[level].average_precision:.3f}" for level in _LEVELS)]
        for level in _LEVELS:
            more = bootstrap_difference(scored[level], by_looks[1][level], rounds, seed=1)
            interval = f"{more.estimate:+.3f} ({more.low:+.3f} to {more.high:+.3f})"
            cells.append(interval if looks > 1 else "")
        seconds = [
            sum(found[image.name, view][1] for view in looks_at(0, looks))
            / found[image.name, View()][1]
            for image in dataset.images
        ]
        rows.append([*cells, f"{median(seconds):.1f}x"])
    return print_table(rows, title=f"{len(dataset.images)} images")


def landmarks_table(dataset: Dataset) -> str:
    """Return mean landmark errors by number of looks, over faces that one look also found."""
    rows = [["looks", "mean error", "with one look", "faces"]]
    with Detector() as detector:
        errors = {looks: _landmark_errors(dataset, detector, looks) for looks in _LOOKS}
    for looks, those in errors.items():
        mean, with_one, faces = mean_over_common_faces(those, errors[1])
        rows.append([str(looks), f"{mean:.2f} %", f"{with_one:.2f} %", str(faces)])
    return print_table(rows, title="landmarks")


def _landmark_errors(dataset: Dataset, detector: Detector, looks: int) -> LandmarkErrors:
    params = DetectionParams(looks=looks)
    return score_landmarks(
        dataset,
        [to_detections(one.name, detector.detect(one.path, params), 0.0) for one in dataset.images],
    )


def contestants() -> dict[str, DetectionParams]:
    """Return the presets, and the defaults with each of their parts."""
    defaults = DetectionParams()
    few = PRESETS["few-misses"]
    return {
        "few-misses": few,
        "few-misses, rotations=0": replace(few, rotations=(0,)),
        "few-misses, rotations=0,90,180,270": replace(few, rotations=ROTATIONS),
        "balanced": defaults,
        "balanced, rotations=auto": replace(defaults, rotations="auto"),
        "balanced, rotations=0,90,180,270": replace(defaults, rotations=ROTATIONS),
        "few-false-alarms": PRESETS["few-false-alarms"],
    }


def presets_table(dataset: Dataset, found: Mapping[str, Found], ratios: Mapping[str, float]) -> str:
    rows = [["parameters", "recall, all", *(f"recall, {level}" for level in _LEVELS)]]
    rows[0] += ["false alarms per image", "time"]
    for name, params in contestants().items():
        views = found[name.split(",")[0]]
        scored = curves(dataset, partial(faces_of, views, params, 0))
        points = [scored[subset].operating_point for subset in (ALL, *_LEVELS)]
        alarms = points[0].false_positives / len(dataset.images)
        recalls = (f"{point.recall:.3f}" for point in points)
        rows.append([name, *recalls, f"{alarms:.2f}", f"{ratios[name]:.1f}x"])
    return print_table(rows, title=f"{len(dataset.images)} images")


def turned_table(dataset: Dataset, found: Found) -> str:
    """Return the recall on rotated images."""
    turns = [f"turned by {degrees}" for degrees in ROTATIONS]
    rows = [["rotations", "upright", *turns[1:]]]
    for rotations in ((0,), "auto", ROTATIONS):
        params = DetectionParams(rotations=rotations)
        cells = []
        for degrees in ROTATIONS:
            scored = curves(dataset, partial(faces_of, found, params, degrees))
            cells.append(f"{scored[ALL].operating_point.recall:.3f}")
        rows.append([rotations if rotations == "auto" else ",".join(map(str, rotations)), *cells])
    return print_table(rows, title=f"{len(dataset.images)} images")


def times(
    dataset: Dataset, settings: Mapping[str, DetectionParams], count: int
) -> dict[str, float]:
    """Return the median time relative to the defaults, in turns on the same images."""
    images = [load_image(one.path) for one in dataset.images[:: len(dataset.images) // count]]
    ratios: dict[str, list[float]] = {name: [] for name in settings}
    with Detector(max_pyramid_pixels=float("inf")) as detector:
        for image in track(images, "Timing", console=Console(stderr=True)):
            seconds = {}
            for name, params in settings.items():
                started = time.perf_counter()
                detector.detect(image, params)
                seconds[name] = time.perf_counter() - started
            for name, taken in seconds.items():
                ratios[name].append(taken / seconds["balanced"])
    return {name: median(values) for name, values in ratios.items()}


if __name__ == "__main__":
    main()
