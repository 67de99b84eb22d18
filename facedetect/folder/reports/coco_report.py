"""The report as a COCO dataset, for tools that label images and train models."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import IO, Any

from facedetect.folder.reports.report_rows import LANDMARKS, Row, to_utf8

_LABELLED_AND_VISIBLE = 2
_FACE = {
    "id": 1,
    "name": "face",
    "supercategory": "person",
    "keypoints": list(LANDMARKS),
    "skeleton": [[1, 2], [1, 3], [2, 3], [3, 4], [3, 5], [4, 5]],  # counted from 1, as COCO does
}
_START: dict[str, Any] = {
    "info": {"description": "Faces found by facedetect"},
    "licenses": [],
    "categories": [_FACE],
}


def write_coco(rows: Iterable[Row], path: Path) -> None:
    """Write the images that were looked at, and their faces as annotations.

    Both are arrays of one object, so the annotations wait in a file beside `path`, which nobody
    sees and which is gone however the process ends.
    """
    with (
        path.open("w", encoding="utf-8") as report,
        tempfile.TemporaryFile("w+", encoding="utf-8", dir=path.parent) as annotations,
    ):
        report.write(json.dumps(_START)[:-1] + ', "images": [')
        _write_items(_images(rows, annotations), report)
        report.write('\n], "annotations": [')
        annotations.seek(0)
        _write_items((line.rstrip("\n") for line in annotations), report)
        report.write("\n]}\n")


def _write_items(items: Iterable[str], report: IO[str]) -> None:
    separator = "\n"
    for item in items:
        report.write(separator + item)
        separator = ",\n"


def _images(rows: Iterable[Row], annotations: IO[str]) -> Iterator[str]:
    """Give each image's object, and write those of its faces as lines."""
    face_ids = count(1)
    images = (row for row in rows if row["status"] == "ok" and "video" not in row)
    for image_id, row in enumerate(images, start=1):
        for face in row["faces"]:
            annotation = {"id": next(face_ids), "image_id": image_id, **_annotation(face)}
            annotations.write(json.dumps(annotation) + "\n")
        size = {"width": row["width"], "height": row["height"]}
        yield json.dumps({"id": image_id, "file_name": to_utf8(row["file"]), **size})


def _annotation(face: dict[str, Any]) -> dict[str, Any]:
    box, landmarks = face["box"], face["landmarks"]
    width, height = box["x_max"] - box["x_min"], box["y_max"] - box["y_min"]
    points = (landmarks[point] for point in LANDMARKS)
    keypoints = [value for p in points for value in (p["x"], p["y"], _LABELLED_AND_VISIBLE)]
    return {
        "category_id": _FACE["id"],
        "bbox": [box["x_min"], box["y_min"], width, height],
        "area": width * height,
        "iscrowd": 0,
        "score": face["confidence"],
        "keypoints": keypoints,
        "num_keypoints": len(LANDMARKS),
    }
