"""The report as a COCO dataset, for labelling and training tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import IO, Any

from facedetect.archive.reports.report_rows import LANDMARKS, Row, RowReader, to_utf8

_LABELLED_AND_VISIBLE = 2
_FACE = {
    "id": 1,
    "name": "face",
    "supercategory": "person",
    "keypoints": list(LANDMARKS),
    "skeleton": [[1, 2], [1, 3], [2, 3], [3, 4], [3, 5], [4, 5]],  # COCO counts from 1
}
_START: dict[str, Any] = {
    "info": {"description": "Faces found by facedetect"},
    "licenses": [],
    "categories": [_FACE],
}


def write_coco(read_rows: RowReader, path: Path) -> None:
    """Write the processed images with their faces as annotations. Raises OSError.

    The rows are read twice, once for each of the two JSON arrays.
    """
    with path.open("w", encoding="utf-8") as report:
        report.write(json.dumps(_START)[:-1] + ', "images": [')
        _write_items(_images(read_rows()), report)
        report.write('\n], "annotations": [')
        _write_items(_annotations(read_rows()), report)
        report.write("\n]}\n")


def _write_items(items: Iterable[dict[str, Any]], report: IO[str]) -> None:
    separator = "\n"
    for item in items:
        report.write(separator + json.dumps(item))
        separator = ",\n"


def _numbered_images(rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
    images = (row for row in rows if row["status"] == "ok" and "video" not in row)
    return enumerate(images, start=1)


def _images(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    for image_id, row in _numbered_images(rows):
        size = {"width": row["width"], "height": row["height"]}
        yield {"id": image_id, "file_name": to_utf8(row["file"]), **size}


def _annotations(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    face_ids = count(1)
    for image_id, row in _numbered_images(rows):
        for face in row["faces"]:
            yield {"id": next(face_ids), "image_id": image_id, **_annotation(face)}


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
        "roll_deg": face["roll_deg"],
        "keypoints": keypoints,
        "num_keypoints": len(LANDMARKS),
    }
