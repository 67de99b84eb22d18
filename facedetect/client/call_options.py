"""The options of a client's calls."""

from __future__ import annotations

from typing import Literal, TypedDict

from facedetect.faces import Rotations
from facedetect.presets import Preset

# Also in facedetect.render, whose imports a client does without.
AnnotationStyle = Literal["box", "blur", "pixelate", "solid"]
AnnotationFormat = Literal["png", "jpeg", "webp"]


class DetectOptions(TypedDict, total=False):
    """How to detect faces; the service has defaults for what is left out.

    `preset` names parameters by their purpose; those that are given win over it, and are those of
    `DetectionParams`. `max_faces` keeps only the largest faces. `model_version` or `model_label`
    selects another version of the model.
    """

    preset: Preset
    min_size: float
    factor: float
    thresholds: tuple[float, float, float]
    min_confidence: float
    rotations: Rotations
    looks: int
    max_faces: int | None
    model_version: int | None
    model_label: str | None


class AnnotateOptions(DetectOptions, total=False):
    """How to detect faces and to mark or hide them: by default framed (`box`), as `png`."""

    style: AnnotationStyle
    format: AnnotationFormat
