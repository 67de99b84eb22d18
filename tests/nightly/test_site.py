"""The site builds, requests nothing from other hosts, and its search finds what people look for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visit import DESKTOP, find_chromium, open_browser
from tests.conftest import ASTRONAUT, skip_or_fail

ROOT = Path(__file__).parents[2]

# What people look for, and the pages that answer it.
ANSWERS = {
    "anonymize": {"hiding"},
    "api key": {"security"},
    "blur faces": {"hiding"},
    "curl": {"readers/web-developer"},
    "docker": {"deployment"},
    "exif rotation": {"formats"},
    "gpu": {"platforms"},
    "install": {"index"},
    "landmarks": {"reference/python", "reference/http"},
    "memory": {"formats"},
    "privacy": {"security"},
    "python": {"python"},
    "rate limit": {"security"},
    "tensorflow serving": {"serving"},
    "thresholds": {"thresholds"},
    "too many requests": {"http"},
    "video": {"folders-videos"},
    "webcam": {"page"},
    "windows": {"platforms"},
}


@pytest.fixture(scope="module")
def site() -> Path:
    subprocess.run(["scripts/docs"], cwd=ROOT, check=True)
    return ROOT / "build" / "site"


@pytest.fixture(scope="module")
def start(site: Path) -> Iterator[Page]:
    """The first page, opened as a file: the search needs no server."""
    chromium = find_chromium()
    if chromium is None:
        skip_or_fail("browser", "Chromium is not installed; scripts/install dev does it")
    with open_browser(str(chromium), ASTRONAUT) as browser:
        page = browser.new_page(**DESKTOP)
        page.goto((site / "index.html").as_uri())
        yield page


def test_it_builds_without_a_broken_link_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert site / "index.html" in pages
    for page in pages:
        text = page.read_text("utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"([^\"]*)", text)
        loaded += re.findall(
            r"<link[^>]* rel=\"(?:stylesheet|preconnect)\"[^>]* href=\"([^\"]*)", text
        )
        ours = ("https://facedetect.github.io/facedetect/", "data:")
        assert not [url for url in loaded if "//" in url and not url.startswith(ours)]


@pytest.mark.parametrize("query", ANSWERS)
def test_an_answer_is_among_the_first_three_results(query: str, site: Path, start: Page) -> None:
    start.reload()  # or the last query's results could be taken for this one's
    search = start.get_by_role("textbox", name="Search")
    search.fill(query)
    search.press("Shift")  # it is searched for when a key is released
    results = start.locator(".md-search-result__list > li > a:first-of-type")  # a page each
    expect(results).not_to_have_count(0)
    links = results.evaluate_all("links => links.map(link => link.href)")
    pages = [re.sub(r"\.html.*", "", link.removeprefix(f"{site.as_uri()}/")) for link in links]
    assert ANSWERS[query] & set(pages[:3]), pages[:6]
