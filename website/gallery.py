"""The gallery's pictures, of the photographs that ship: `python -m website.gallery`.

The contact sheet is photographed in Chromium.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

from facedetect import Detector, Face, load_image, write_image
from facedetect.archive import annotate_folder
from facedetect.crops import CropStyle, cut
from facedetect.images import BGRImage
from facedetect.render import render
from facedetect.styles import AnnotationStyle
from tests.browser.screenshots import write_small
from tests.browser.visit import DESKTOP, find_chromium, open_browser
from tests.conftest import ASTRONAUT, DATA, GRACE_HOPPER

IMAGES = Path(__file__).parents[1] / "docs" / "images" / "gallery"
HEIGHT = 360  # px


def side_by_side(images: list[BGRImage]) -> BGRImage:
    """All at one height, in a row."""
    heights = [
        cv2.resize(
            image,
            (round(image.shape[1] * HEIGHT / image.shape[0]), HEIGHT),
            interpolation=cv2.INTER_AREA,
        )
        for image in images
    ]
    return np.hstack(heights)


def draw_styles(portraits: list[tuple[BGRImage, list[Face]]]) -> None:
    for style in get_args(AnnotationStyle):
        row = [render(image, faces, style) for image, faces in portraits]
        write_image(IMAGES / f"style-{style}.jpg", side_by_side(row))


def draw_crops(portraits: list[tuple[BGRImage, list[Face]]]) -> None:
    for style in get_args(CropStyle):
        row = [cut(image, face, style) for image, faces in portraits for face in faces]
        write_image(IMAGES / f"crops-{style}.jpg", side_by_side(row))


def photograph_contact_sheet() -> None:
    chromium = find_chromium()
    assert chromium, "Chromium is not installed; scripts/install dev does it"
    with tempfile.TemporaryDirectory() as folder:
        annotate_folder(str(DATA), folder, style="blur", reports=["html"])
        with open_browser(chromium, ASTRONAUT) as browser:
            page = browser.new_page(**{**DESKTOP, "viewport": {"width": 1000, "height": 640}})
            sheet = Path(folder) / "contact-sheet" / "index.html"
            page.goto(sheet.as_uri())
            page.wait_for_load_state("networkidle")
            write_small(IMAGES / "contact-sheet.png", page.screenshot())


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with Detector() as detector:
        images = [load_image(path) for path in (ASTRONAUT, GRACE_HOPPER)]
        portraits = [(image, detector.detect(image)) for image in images]
    draw_styles(portraits)
    draw_crops(portraits)
    photograph_contact_sheet()


if __name__ == "__main__":
    main()
