"""Made-up datasets and detections for tests of the evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from facedetect.detection_params import DetectionParams
from facedetect.evaluation.dataset import ALL, Dataset, LabelledImage, Metric
from facedetect.evaluation.detector_adapters import DetectorAdapter
from facedetect.evaluation.evaluation_run import EvaluationRun, evaluate
from facedetect.evaluation.image_detections import ImageDetections

Corners = Sequence[float]
DEFAULTS = {"defaults": DetectionParams()}


def labelled(name: str, boxes: Sequence[Corners], **subsets: Sequence[int]) -> LabelledImage:
    """An image whose subsets hold the given box indices; without any, `all` holds all boxes."""
    masks = {
        subset: np.isin(np.arange(len(boxes)), indices) for subset, indices in subsets.items()
    } or {ALL: np.ones(len(boxes), bool)}
    return LabelledImage(name, Path(name), np.reshape(np.array(boxes, float), (-1, 4)), masks)


def dataset_of(*images: LabelledImage) -> Dataset:
    return Dataset(Metric.AVERAGE_PRECISION, tuple(images[0].subset_masks), images)


def detections(
    name: str, *faces: tuple[float, Corners], landmarks: ArrayLike | None = None
) -> ImageDetections:
    """Scores and boxes that were detected in an image."""
    return ImageDetections(
        image=name,
        boxes=np.array([box for _, box in faces], float).reshape(-1, 4),
        scores=np.array([score for score, _ in faces], float),
        landmarks=None if landmarks is None else np.array(landmarks, float),
        seconds=0.1,
    )


def in_order(dataset: Dataset, answers: Iterable[ImageDetections]) -> list[ImageDetections]:
    """The detections of all images: none where there is no answer."""
    by_image = {answer.image: answer for answer in answers}
    return [by_image.get(image.name, detections(image.name)) for image in dataset.images]


def masks_of(dataset: Dataset, subset: str) -> list[list[bool]]:
    return [image.subset_masks[subset].tolist() for image in dataset.images]


def make_image(path: Path, width: int = 40, height: int = 30) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height)).save(path)


def cell(items: Sequence[Any]) -> Any:
    """A MATLAB cell array of one column, as in WIDER FACE's files."""
    column = np.empty((len(items), 1), object)
    for row, item in enumerate(items):
        column[row, 0] = item
    return column


def one_face_images(*names: str, path: Path | None = None, side: float = 20.0) -> Dataset:
    """Images of one face each, all of the file `path`, or of files that do not exist."""
    boxes = np.array([[10, 5, 10 + side, 5 + side]])
    masks = {ALL: np.array([True])}
    return dataset_of(*(LabelledImage(n, path or Path("/nowhere", n), boxes, masks) for n in names))


def run_detector(
    dataset: Dataset, detector: DetectorAdapter, output: Path, *, repeat_errors: bool = True
) -> EvaluationRun:
    (run,) = evaluate(dataset, [detector], DEFAULTS, output, repeat_errors=repeat_errors)
    return run
