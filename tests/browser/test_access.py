"""Whether everybody can use the page: axe-core's rules, and the keyboard alone."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.visit import DESKTOP, PHONE, Visit
from tests.conftest import ASTRONAUT

DEVICES = {"desktop": DESKTOP, "phone": PHONE}


def check(visit: Visit) -> None:
    found = Axe().run(visit.page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", DEVICES)
def test_axe_finds_nothing(open_page: Open, device: str, scheme: Literal["light", "dark"]) -> None:
    visit = open_page(**DEVICES[device], color_scheme=scheme)
    check(visit)
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    visit.faces.first.click()
    check(visit)
    visit.pick({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    expect(visit.notice).not_to_be_empty()
    check(visit)
    visit.page.get_by_role("button", name="Camera").click()
    expect(visit.count).to_have_text("1 face")
    visit.page.get_by_role("switch", name="Live").uncheck()
    check(visit)


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1600])
def test_nothing_is_wider_than_the_window(open_page: Open, width: int) -> None:
    visit = open_page(viewport={"width": width, "height": 800})
    long_name = {"name": "x" * 300 + ".jpg", "mimeType": "image/jpeg"}
    visit.pick({**long_name, "buffer": ASTRONAUT.read_bytes()})
    expect(visit.count).to_have_text("1 face")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_fingers_find_their_targets(open_page: Open) -> None:
    visit = open_page(**PHONE)
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    sizes = """() => [...document.querySelectorAll("button, input, [role=option]")]
        .filter(one => one.checkVisibility())
        .map(one => [one.id || one.textContent.trim() || one.value,
                     Math.min(one.offsetWidth, one.offsetHeight)])"""
    assert [one for one in visit.page.evaluate(sizes) if one[1] < 40] == []


def test_the_keyboard_alone(visit: Visit) -> None:
    visit.page.get_by_role("button", name="No picture at hand?").focus()
    visit.press("Enter")
    expect(visit.count).to_have_text("2 faces")
    expect(visit.page.locator("#work")).to_be_focused()

    tab_to(visit, "#styles :focus")
    visit.press("ArrowRight")
    expect(visit.page.get_by_role("radio", name="Blurred")).to_be_checked()

    tab_to(visit, "#faces :focus")
    tag = visit.page.locator("#tag")
    first, second = (float(score) for score in visit.page.locator(".score").all_inner_texts())
    expect(tag).to_have_text(f"{first:.4f}")
    visit.press("ArrowDown")
    expect(tag).to_have_text(f"{second:.4f}")
    expect(visit.boxes.nth(1)).to_have_class("face active")
    expect(visit.faces.nth(1)).to_have_attribute("aria-selected", "true")
    visit.press("Escape")
    expect(tag).to_be_hidden()

    tab_to(visit, "#min_size:focus")
    visit.press("End")
    expect(visit.count).to_have_text("No faces")
    visit.press("Enter", "Home")
    expect(visit.count).to_have_text("2 faces")


def tab_to(visit: Visit, selector: str) -> None:
    for _ in range(30):
        if visit.page.locator(selector).count():
            return
        visit.press("Tab")
    pytest.fail(f"the Tab key does not lead to {selector}")


def test_pointing_at_a_face_shows_its_score(visit: Visit) -> None:
    visit.pick(ASTRONAUT)
    visit.boxes.first.hover()
    expect(visit.page.locator("#tag")).to_have_text("0.9999")
    visit.page.mouse.move(1, 1)
    expect(visit.page.locator("#tag")).to_be_hidden()
