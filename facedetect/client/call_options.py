"""The options of a client's calls."""

from __future__ import annotations

from typing import Literal

from facedetect.faces import Channels
from facedetect.presets import DetectionOptions
from facedetect.styles import AnnotationStyle

AnnotationFormat = Literal["png", "jpeg", "webp"]


class DetectOptions(DetectionOptions, total=False):
    """How to detect faces: a preset, the fields of DetectionParams, and the following.

    The service has defaults for omitted options. `max_faces` keeps only the largest faces.
    `channels` is the channel order of arrays, "BGR" (default) or "RGB". `model_version` or
    `model_label` selects another version of the model.
    """

    max_faces: int | None
    channels: Channels
    model_version: int | None
    model_label: str | None


class AnnotateOptions(DetectOptions, total=False):
    """How to detect faces and mark or hide them; by default framed (`box`), as `png`."""

    style: AnnotationStyle
    format: AnnotationFormat
