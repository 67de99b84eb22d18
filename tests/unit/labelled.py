"""Labelled pictures and answers about them, made up for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from facedetect.evaluation.detections import Found
from facedetect.evaluation.runs import Run, evaluate
from facedetect.evaluation.subjects import Subject
from facedetect.evaluation.truth import ALL, LabelledImage, Protocol, Truth
from facedetect.faces import DetectionParams

Corners = Sequence[float]
DEFAULTS = {"defaults": DetectionParams()}


def labelled(name: str, boxes: Sequence[Corners], **counted: Sequence[int]) -> LabelledImage:
    """A picture whose boxes count as the indices by subset say; all in `all` if none do."""
    flags = {
        subset: np.isin(np.arange(len(boxes)), indices) for subset, indices in counted.items()
    } or {ALL: np.ones(len(boxes), bool)}
    return LabelledImage(name, Path(name), np.reshape(np.array(boxes, float), (-1, 4)), flags)


def wider_truth(*images: LabelledImage) -> Truth:
    return Truth(Protocol.WIDER, tuple(images[0].counted), images)


def found(name: str, *faces: tuple[float, Corners], landmarks: ArrayLike | None = None) -> Found:
    """What was found in a picture: scores and boxes."""
    return Found(
        image=name,
        boxes=np.array([box for _, box in faces], float).reshape(-1, 4),
        scores=np.array([score for score, _ in faces], float),
        landmarks=None if landmarks is None else np.array(landmarks, float),
        seconds=0.1,
    )


def counted(truth: Truth, subset: str) -> list[list[bool]]:
    """Which boxes of each picture must be found."""
    return [image.counted[subset].tolist() for image in truth.images]


def make_picture(path: Path, width: int = 40, height: int = 30) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height)).save(path)


def cell(items: Sequence[Any]) -> Any:
    """A MATLAB cell array of one column, as WIDER FACE's files have them."""
    column = np.empty((len(items), 1), object)
    for row, item in enumerate(items):
        column[row, 0] = item
    return column


def truth_of(*names: str, path: Path | None = None, side: float = 20.0) -> Truth:
    """Pictures of one face each, that lie at `path` or nowhere."""
    boxes = np.array([[10, 5, 10 + side, 5 + side]])
    counted = {"all": np.array([True])}
    images = (LabelledImage(n, path or Path("/nowhere", n), boxes, counted) for n in names)
    return Truth(Protocol.WIDER, ("all",), tuple(images))


def run_all(truth: Truth, subject: Subject, output: Path, *, repeat_errors: bool = True) -> Run:
    (run,) = evaluate(truth, [subject], DEFAULTS, output, repeat_errors=repeat_errors)
    return run
