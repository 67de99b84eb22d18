"""Several pictures at once: what is found in each, and all of them in one ZIP file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Locator, Route, expect

from facedetect.images import ImageLimits, decode_image
from tests.browser.conftest import Open
from tests.browser.visit import DESKTOP, PHONE, Visit
from tests.conftest import ASTRONAUT, GRACE_HOPPER

TEXT_FILE = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture at all"}
HOLIDAY = "\N{LATIN SMALL LETTER E WITH ACUTE}\N{CJK UNIFIED IDEOGRAPH-5199}.jpg"


def as_file(path: Path, name: str = "") -> dict[str, Any]:
    return {"name": name or path.name, "mimeType": "image/jpeg", "buffer": path.read_bytes()}


def tiles(visit: Visit) -> Locator:
    return visit.page.locator(".tile")


def found(visit: Visit) -> Locator:
    return visit.page.locator(".tile-found")


def test_each_is_searched_and_any_can_be_shown(visit: Visit) -> None:
    visit.pick([ASTRONAUT, GRACE_HOPPER])
    expect(found(visit)).to_have_text(["1 face", "1 face"])
    expect(visit.page.locator("#gallery-count")).to_have_text("2 pictures, 2 faces")
    expect(visit.page.locator("#picture-name")).to_have_text("astronaut.jpg")
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.page.get_by_role("radio", name="grace_hopper.jpg").check()
    expect(visit.page.locator("#picture-name")).to_have_text("grace_hopper.jpg")
    expect(visit.boxes).to_have_count(1)
    assert not [url for url in asked if "/detect" in url]  # that is known
    visit.press("ArrowLeft")
    expect(visit.page.locator("#picture-name")).to_have_text("astronaut.jpg")
    asked.clear()
    visit.page.get_by_role("radio", name="Few false alarms").check()
    visit.wait_until("document.getElementById('gallery-count').textContent.includes(' of ')")
    expect(visit.page.locator("#gallery-count")).to_have_text("2 pictures, 2 faces")
    assert len(asked) == 2
    assert all(url.endswith("/detect?preset=few-false-alarms") for url in asked)
    visit.pick(ASTRONAUT)
    expect(tiles(visit)).to_have_count(0)


def test_thumbnails_show_the_pictures(visit: Visit) -> None:
    visit.pick([ASTRONAUT, GRACE_HOPPER])
    visit.wait_until(
        """[...document.querySelectorAll(".tile canvas")].every(canvas =>
            canvas.toDataURL().length > 10_000)"""
    )


def test_all_of_them_in_one_zip(open_page: Open, tmp_path: Path) -> None:
    visit = open_page()
    astronaut = as_file(ASTRONAUT, HOLIDAY)
    visit.pick([astronaut, as_file(GRACE_HOPPER), TEXT_FILE, astronaut])
    expect(found(visit)).to_have_text(["1 face", "1 face", "Not read", "1 face"])
    visit.page.get_by_role("radio", name="Covered").check()
    expect(visit.count).to_have_text("1 face")
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="All as ZIP").click()
    assert download.value.suggested_filename == "faces.zip"
    with ZipFile(shutil.copy(download.value.path(), tmp_path / "faces.zip")) as archive:
        assert archive.testzip() is None
        stem = HOLIDAY.removesuffix(".jpg")
        covered = [f"{stem}-covered.jpg", "grace_hopper-covered.jpg", f"{stem}-covered-2.jpg"]
        assert archive.namelist() == [*covered, "faces.json"]
        rows = json.loads(archive.read("faces.json"))
        picture = decode_image(archive.read(covered[0]), ImageLimits())
    assert picture[100:150, 200:250].max() < 12  # nothing is left of the face
    assert [row["name"] for row in rows] == [HOLIDAY, "grace_hopper.jpg", "notes.txt", HOLIDAY]
    assert len(rows[0]["faces"]) == 1
    assert "send JPEG" in rows[2]["problem"]
    assert set(visit.refused) == {415}


def test_a_busy_service_is_asked_again(open_page: Open) -> None:
    visit = open_page()
    busy = json.dumps({"title": "The service is busy", "detail": "come again", "status": 429})
    asked = []

    def refuse_the_second(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 2:
            route.fulfill(status=429, headers={"Retry-After": "1"}, body=busy)
        else:
            route.continue_()

    visit.page.route("**/detect?*", refuse_the_second)
    visit.pick([ASTRONAUT, GRACE_HOPPER])
    expect(found(visit)).to_have_text(["1 face", "1 face"])
    assert len(asked) == 3
    assert visit.refused == [429]
    expect(visit.notice).to_be_empty()


def test_the_first_may_be_no_picture(open_page: Open) -> None:
    visit = open_page()
    visit.pick([TEXT_FILE, as_file(GRACE_HOPPER)])
    expect(found(visit)).to_have_text(["Not read", "1 face"])
    expect(visit.notice).to_contain_text("Unsupported format")
    visit.page.get_by_role("radio", name="grace_hopper.jpg").check()
    expect(visit.count).to_have_text("1 face")
    expect(visit.notice).to_be_empty()


@pytest.mark.parametrize(
    "options", [{**DESKTOP, "color_scheme": "dark"}, {**PHONE, "color_scheme": "light"}]
)
def test_everybody_can_use_the_list(open_page: Open, options: dict[str, Any]) -> None:
    visit = open_page(**options)
    visit.pick([as_file(ASTRONAUT, f"{number}.jpg") for number in range(12)])
    expect(visit.page.locator("#gallery-count")).to_have_text("12 pictures, 12 faces")
    visit.open_more()
    visit.page.get_by_role("radio", name="JSON").check()
    result = Axe().run(visit.page)
    assert result.violations_count == 0, result.generate_report()
    width = visit.page.viewport_size["width"]  # type: ignore[index]
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
