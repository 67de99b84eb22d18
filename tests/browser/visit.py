"""A visit to the page: a tab of a real browser, and what went on in it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Response, sync_playwright

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}

ELSEWHERE = "facedetect.test"  # leads to this machine, but browsers take it for another

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_REFUSED = "Failed to load resource: the server responded with a status of"
_ANSWER_MS = 15_000


def find_chromium() -> str | None:
    """The browser's path, under whichever name it is installed."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def open_browser(chromium: str, camera: Path, *more_options: str) -> Iterator[Browser]:
    """Run a browser whose camera shows the frames of a Motion JPEG file over and over."""
    options = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
        "--disable-gpu",  # or one is emulated, which takes longer than to draw without
        *more_options,
    ]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium's sandbox does not run as root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


@dataclass
class Visit:
    """One tab. `refused` are the answers that were errors, `wrong` is what must not happen."""

    page: Page
    base_url: str
    refused: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(_ANSWER_MS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self._on_request(request.url))
        self.page.on("response", self._on_response)
        self.page.goto(self.base_url)

    def _on_console(self, message: ConsoleMessage) -> None:
        # The browser itself notes each refusal, and `refused` has it already.
        if message.type in {"error", "warning"} and not message.text.startswith(_REFUSED):
            self.wrong.append(message.text)

    def _on_request(self, url: str) -> None:
        if not url.startswith((self.base_url, "blob:", "data:")):
            self.wrong.append(f"a request to another host: {url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append(response.status)

    @property
    def count(self) -> Locator:
        """Where the page says how many faces there are."""
        return self.page.locator("#count")

    @property
    def faces(self) -> Locator:
        """The list's rows."""
        return self.page.get_by_role("option")

    @property
    def boxes(self) -> Locator:
        """The faces drawn on the picture."""
        return self.page.locator("#overlay .face")

    @property
    def notice(self) -> Locator:
        """Where the page says what is wrong."""
        return self.page.get_by_role("alert")

    def pick(self, *files: Any) -> None:
        """Choose a file as the button's dialog does: a path, or a name, type and bytes."""
        with self.page.expect_file_chooser() as chosen:
            self.page.locator("[data-do=pick]:visible").first.click()
        chosen.value.set_files(*files)

    def slide(self, name: str, value: float) -> None:
        """Move a slider as a pointer would: by one event of input."""
        self.open_more()
        self.page.get_by_role("slider", name=name).fill(str(value))

    def open_more(self) -> None:
        """Show the settings that a preset hides."""
        more = self.page.locator("details.more")
        if more.get_attribute("open") is None:
            more.locator("summary").click()

    def wait_until(self, condition: str) -> None:
        """Wait for a condition in JavaScript. Playwright's own way needs `eval` in the page."""
        deadline = time.monotonic() + _ANSWER_MS / 1000
        while not self.page.evaluate(condition):
            assert time.monotonic() < deadline, f"never came true: {condition}"
            self.page.wait_for_timeout(20)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
