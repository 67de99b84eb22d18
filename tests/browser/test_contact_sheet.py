"""The contact sheet as it is opened from a disk: no server, no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from facedetect.archive.reports import Row, failed_row, write_report
from facedetect.archive.storage import LocalStorage
from facedetect.images import BGRImage, make_thumbnail
from tests.browser.visit import DESKTOP, PHONE, Visit
from tests.conftest import face_at

FACE = asdict(face_at(170, 70, side=110, confidence=0.99))
ODD = "a/<img src=x onerror=alert(1)> 100% caf\udce9#?.jpg"


def rows(place: LocalStorage, image: BGRImage) -> Iterator[Row]:
    """205 files in two folders: one with an odd name and a picture, every 50th failed."""
    row = {"status": "ok", "width": 512, "height": 512, "faces": [FACE]}
    thumbnail = f"contact-sheet/thumbnails/{ODD}.jpg"
    place.write(thumbnail, make_thumbnail(image))
    place.write(ODD, make_thumbnail(image))
    yield {**row, "file": ODD, "results": {"picture": ODD, "thumbnail": thumbnail}}
    for number in range(1, 205):
        name = f"{'ab'[number >= 150]}/{number:03}.jpg"
        failed = failed_row(name, ValueError("the file is truncated"))
        yield {**row, "file": name, "faces": []} if number % 50 else failed


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, astronaut: BGRImage) -> Path:
    folder = tmp_path_factory.mktemp("out")
    place = LocalStorage(folder)
    write_report("html", lambda: rows(place, astronaut), place)
    return folder


@pytest.fixture
def visit(browser: Browser, out: Path) -> Iterator[Visit]:
    """A visit to the folder of results; nothing outside it may be asked for."""
    context = browser.new_context(**DESKTOP, color_scheme="light")
    visit = Visit(context.new_page(), out.as_uri())
    visit.wrong.clear()  # Chromium's own page, which lists the folder, warns of itself
    visit.page.goto(f"{out.as_uri()}/contact-sheet/index.html")
    yield visit
    context.close()
    assert visit.wrong == []


def shown(page: Page) -> int:
    return page.locator(".tile:visible").count()


def test_leafing_and_filtering(visit: Visit) -> None:
    page = visit.page
    assert shown(page) == 200
    picture = page.locator(".tile img").first
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
    page.get_by_role("radio", name="Failed").check()
    assert shown(page) == 3
    page.get_by_label("Folder").select_option("b")
    assert shown(page) == 1
    page.locator(".folder-name:visible").click()  # a select has a use for arrow keys itself
    page.keyboard.press("ArrowRight")
    expect(page).to_have_title("Contact sheet, page 2 of 2")
    assert shown(page) == 1  # the next page shows the same kind
    page.get_by_role("radio", name="With faces").check()
    expect(page.locator("#nothing")).to_have_text("No files on this page match the filter.")
    page.get_by_role("link", name="4 failed").click()
    page.locator("#failed").get_by_role("link", name="b/200.jpg").click()
    expect(page.locator("#f201")).to_be_in_viewport()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_title("Contact sheet, page 1 of 2")
    page.locator(".tile a").first.click()
    expect(page.locator("img")).to_be_visible()
    assert page.evaluate("document.images[0].naturalWidth") == 320


def test_everybody_can_use_it(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("radio", name="Failed").check()  # a few tiles: each takes axe-core its time
    check(page)
    page.get_by_role("link", name="Next →").first.click()
    page.get_by_role("radio", name="All").check()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE["viewport"])
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def check(page: Page) -> None:
    # What axe-core would load, the page forbids, as it does all else.
    found = Axe().run(page, options={"preload": False})
    assert found.violations_count == 0, found.generate_report()
