"""Where result files go in the output folder, next to the mirrored tree."""

from __future__ import annotations

import re

from facedetect.archive.names import LONGEST_NAME_BYTES, shortened

CROPS, CONTACT_SHEET = "crops", "contact-sheet"
REPORTS = {
    "jsonl": "report.jsonl",
    "csv": "report.csv",
    "coco": "report.coco.json",
    "parquet": "report.parquet",
    "html": f"{CONTACT_SHEET}/index.html",
}
RESERVED = {CROPS, *(path.partition("/")[0] for path in REPORTS.values())}
"""Names at the top level that mirrored folders must not take."""

# Room for what is appended to a result's name below: "-123456.jpg", ".faces.jsonl".
_LONGEST_ADDITION = 16


def crop_path(result: str, number: int, suffix: str) -> str:
    """Return the path of a face's crop, by its picture's result and its number from 1."""
    return f"{CROPS}/{_base(result)}-{number}{suffix}"


def frames_path(result: str) -> str:
    """Return the path of a video's faces per frame."""
    return f"{_base(result)}.faces.jsonl"


def thumbnail_path(result: str) -> str:
    """Return the path of a picture's or video's thumbnail for the contact sheet."""
    return f"{CONTACT_SHEET}/thumbnails/{_base(result)}.jpg"


def outputs_pattern(result: str) -> re.Pattern[str]:
    """Return a pattern for the paths of all files that may belong to a result."""
    paths = [result, frames_path(result), thumbnail_path(result)]
    crops = re.escape(f"{CROPS}/{_base(result)}-") + r"\d+\.(jpg|png)"
    return re.compile("|".join([*map(re.escape, paths), crops]))


def folders_of(result: str) -> set[str]:
    """Return the folders of these files."""
    paths = (result, thumbnail_path(result), f"{CROPS}/{result}")
    return {path.rpartition("/")[0] for path in paths}


def _base(result: str) -> str:
    """Shorten a result's path to leave room for what is appended to its name."""
    folder, slash, name = result.rpartition("/")
    return folder + slash + shortened(name, "", LONGEST_NAME_BYTES - _LONGEST_ADDITION)
