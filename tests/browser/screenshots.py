"""The documentation's pictures of the page: `python -m tests.browser.screenshots`."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, expect

from facedetect.service import page
from tests.browser.visit import DESKTOP, PHONE, Visit, find_chromium, open_browser
from tests.conftest import ASTRONAUT, GRACE_HOPPER
from tests.processes import served

USUAL = "localhost:8000"  # where the browser believes to be, whatever port was free
IMAGES = Path(__file__).parents[2] / "docs" / "images"
SHOTS: dict[str, dict[str, Any]] = {
    "page-desktop.png": {**DESKTOP, "color_scheme": "light"},
    "page-desktop-dark.png": {**DESKTOP, "color_scheme": "dark"},
    "page-phone.png": {**PHONE, "color_scheme": "light"},
}
SHOTS_OF_SEVERAL: dict[str, dict[str, Any]] = {
    "page-several.png": {**DESKTOP, "color_scheme": "light"},
    "page-several-phone.png": {**PHONE, "color_scheme": "light"},
}
DEMONSTRATION = Path(page.__file__).with_name("static") / "demonstration.jpg"


def take(browser: Browser, options: dict[str, Any]) -> bytes:
    """Return a PNG of the page with the demonstration's faces, one of them chosen."""
    with browser.new_context(**options) as context:
        visit = Visit(context.new_page(), f"http://{USUAL}")
        visit.page.get_by_role("button", name="No picture at hand?").click()
        expect(visit.boxes).to_have_count(2)
        return shoot(visit)


def take_several(browser: Browser, options: dict[str, Any]) -> bytes:
    """Return a PNG of the page with several pictures, their faces hidden."""
    with browser.new_context(**options) as context:
        visit = Visit(context.new_page(), f"http://{USUAL}")
        visit.pick([ASTRONAUT, GRACE_HOPPER, DEMONSTRATION])
        expect(visit.page.locator("#gallery-count")).to_have_text("3 pictures, 4 faces")
        visit.page.get_by_role("radio", name="Pixelated").check()
        expect(visit.page.locator("#overlay.rendered")).to_be_attached()
        return shoot(visit)


def shoot(visit: Visit) -> bytes:
    visit.page.mouse.move(0, 0)
    visit.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    visit.page.wait_for_timeout(300)
    return visit.page.screenshot()


def write_small(path: Path, png: bytes) -> None:
    """Write with 256 colours, a third of the size."""
    colours = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, kmeans=3)
    colours.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1000} kB")


def main() -> None:
    chromium = find_chromium()
    assert chromium, "Chromium is not installed; scripts/install dev does it"
    with tempfile.TemporaryDirectory() as folder:
        camera = Path(folder) / "astronaut.mjpeg"
        camera.write_bytes(ASTRONAUT.read_bytes())
        with served() as running:
            rule = f"--host-resolver-rules=MAP {USUAL} 127.0.0.1:{running.client.base_url.port}"
            with open_browser(chromium, camera, rule) as browser:
                for name, options in SHOTS.items():
                    write_small(IMAGES / name, take(browser, options))
                for name, options in SHOTS_OF_SEVERAL.items():
                    write_small(IMAGES / name, take_several(browser, options))


if __name__ == "__main__":
    main()
