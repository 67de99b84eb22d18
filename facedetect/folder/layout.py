"""What the results' folder holds beside the tree that mirrors the source's."""

from __future__ import annotations

import re

CROPS, CONTACT_SHEET = "crops", "contact-sheet"
REPORTS = {
    "jsonl": "report.jsonl",
    "csv": "report.csv",
    "coco": "report.coco.json",
    "parquet": "report.parquet",
}
RESERVED = {CROPS, CONTACT_SHEET, *REPORTS.values()}
"""Names at the top that no folder of the source's may have."""


def crop_path(result: str, number: int, suffix: str) -> str:
    """Where the crop of the face of a number, from 1, goes, by its picture's result."""
    return f"{CROPS}/{result}-{number}{suffix}"


def frames_path(result: str) -> str:
    """Where it is told what was found in each frame of a video."""
    return f"{result}.faces.jsonl"


def thumbnail_path(result: str) -> str:
    """Where a picture's or video's thumbnail for the contact sheet goes."""
    return f"{CONTACT_SHEET}/thumbnails/{result}.jpg"


def may_be_of(result: str) -> re.Pattern[str]:
    """Match the paths of all files that may have been written for an item, by its result's."""
    paths = [result, frames_path(result), thumbnail_path(result)]
    crops = re.escape(f"{CROPS}/{result}-") + r"\d+\.(jpg|png)"
    return re.compile("|".join([*map(re.escape, paths), crops]))


def folders_of(result: str) -> set[str]:
    """The folders in which those files lie."""
    paths = (result, thumbnail_path(result), f"{CROPS}/{result}")
    return {path.rpartition("/")[0] for path in paths}
