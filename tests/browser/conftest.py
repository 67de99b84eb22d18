"""One browser and one service for all tests of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from benchmarks.servers import Gateway
from tests.browser.visit import DESKTOP, ELSEWHERE, Visit, find_chromium, open_browser
from tests.conftest import ASTRONAUT, skip_or_fail

Open = Callable[..., Visit]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. Services of these tests ask for it: they need not start without."""
    path = find_chromium()
    if path is None:
        skip_or_fail("browser", "Chromium is not installed; scripts/install dev does it")
    return str(path)


@pytest.fixture(scope="package")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Its camera sees the astronaut.

    It ends with this folder's tests: while Playwright runs, others cannot run event loops.
    """
    camera = tmp_path_factory.mktemp("camera") / "astronaut.mjpeg"
    camera.write_bytes(ASTRONAUT.read_bytes())
    rule = f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"
    with open_browser(chromium, camera, rule) as opened:
        yield opened


@pytest.fixture(scope="session")
def base_url(chromium: str, request: pytest.FixtureRequest) -> str:
    """Of the real service."""
    assert chromium
    service: Gateway = request.getfixturevalue("builtin_service")
    return service.url


@pytest.fixture
def open_page(browser: Browser, base_url: str) -> Iterator[Open]:
    """Open the page; whatever is done there, nothing may go wrong that the visitor is not told."""
    with ExitStack() as stack:
        visits: list[Visit] = []

        def open_(url: str = base_url, **options: Any) -> Visit:
            context = browser.new_context(**{**DESKTOP, **options})
            stack.callback(context.close)
            visits.append(Visit(context.new_page(), url))
            return visits[-1]

        yield open_
        assert [visit.wrong for visit in visits if visit.wrong] == []


@pytest.fixture
def visit(open_page: Open) -> Iterator[Visit]:
    """The page on a desktop, where every request must be answered."""
    visit = open_page()
    yield visit
    assert visit.refused == []
