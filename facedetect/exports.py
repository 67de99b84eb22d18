"""Export faces to other libraries, which are optional."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from facedetect.errors import InvalidSettings
from facedetect.faces import Face, ImageResult, Landmarks

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    *("confidence", "x_min", "y_min", "x_max", "y_max"),
    *(f"{point.name}_{axis}" for point in fields(Landmarks) for axis in "xy"),
    "roll_deg",
)


def to_dataframe(found: Iterable[Face | ImageResult[Any]]) -> pd.DataFrame:
    """Return a pandas DataFrame with a row per face: coordinates in px, roll in degrees.

    Accepts faces or the results of `detect_batch`, which add the columns `image` (the source) and
    `error`, and a row for each image without faces. Raises InvalidSettings without pandas.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise _missing("pandas") from error
    rows = [row for item in found for row in _rows(item)]
    return pd.DataFrame(rows, columns=None if rows else list(_COLUMNS))


def to_supervision(faces: Sequence[Face]) -> Any:
    """Return the faces as `supervision.Detections`, all of class 0.

    `data["landmarks"]` is float32 [n, 5, 2], px. Raises InvalidSettings without supervision.
    """
    try:
        import supervision
    except ImportError as error:
        raise _missing("supervision") from error
    landmarks = [face.landmarks.xy for face in faces]
    return supervision.Detections(
        xyxy=np.array([face.box.xyxy for face in faces], np.float32).reshape(-1, 4),
        confidence=np.array([face.confidence for face in faces], np.float32),
        class_id=np.zeros(len(faces), int),
        data={"landmarks": np.array(landmarks, np.float32).reshape(-1, 5, 2)},
    )


def _rows(item: Face | ImageResult[Any]) -> Iterator[dict[str, Any]]:
    if isinstance(item, Face):
        yield _row(item)
        return
    image = {"image": item.source, "error": None if item.error is None else str(item.error)}
    faces = item.detection.faces if item.detection is not None else []
    yield from ({**image, **_row(face)} for face in faces)
    if not faces:
        yield {**image, **dict.fromkeys(_COLUMNS)}


def _row(face: Face) -> dict[str, float]:
    values = (face.confidence, *face.box.xyxy, *face.landmarks.xy, face.roll_deg)
    return dict(zip(_COLUMNS, values, strict=True))


def _missing(name: str) -> InvalidSettings:
    return InvalidSettings(f"{name} is not installed; install it with: pip install {name}")
