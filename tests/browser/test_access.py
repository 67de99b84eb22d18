"""Whether everybody can use the page: axe-core's rules, and the keyboard alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.visit import DESKTOP, PHONE, Visit
from tests.conftest import ASTRONAUT

LOOKS = [{**DESKTOP, "color_scheme": "light"}, {**PHONE, "color_scheme": "dark"}]


def check(visit: Visit) -> None:
    found = Axe().run(visit.page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("options", LOOKS, ids=["desktop", "phone"])
def test_axe_finds_nothing(open_page: Open, options: dict[str, Any]) -> None:
    visit = open_page(**options)
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
    expect(visit.count).to_have_text("Live is off")
    check(visit)


def test_nothing_is_wider_than_the_window(visit: Visit) -> None:
    long_name = {"name": "x" * 300 + ".jpg", "mimeType": "image/jpeg"}
    visit.pick({**long_name, "buffer": ASTRONAUT.read_bytes()})
    expect(visit.count).to_have_text("1 face")
    for width in (320, 390, 768, 1024, 1600):
        visit.page.set_viewport_size({"width": width, "height": 800})
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

    tab_to(visit, "summary:focus")
    visit.press("Enter")
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
    expect(visit.page.locator("#tag")).to_have_text("1.0000")
    visit.page.mouse.move(1, 1)
    expect(visit.page.locator("#tag")).to_be_hidden()


def test_pointing_moves_the_list_but_not_the_page(open_page: Open) -> None:
    visit = open_page(viewport={"width": 800, "height": 600})  # the list is below the picture

    def twelve_times(route: Route) -> None:
        answer = route.fetch().json()
        route.fulfill(body=json.dumps({**answer, "faces": answer["faces"] * 12}))

    visit.page.route("**/detect?*", twelve_times)
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("12 faces")
    visit.boxes.last.scroll_into_view_if_needed()
    before = visit.page.evaluate("scrollY")
    visit.boxes.last.hover()
    expect(visit.faces.last).to_have_class("active")
    assert visit.page.evaluate("scrollY") == before
    assert visit.page.locator("#faces").evaluate(
        "list => list.getBoundingClientRect().bottom"
        " - list.lastChild.getBoundingClientRect().bottom"
    ) == pytest.approx(0, abs=1)


def test_forced_colours_leave_what_is_chosen_to_be_seen(open_page: Open) -> None:
    visit = open_page(forced_colors="active")
    visit.page.get_by_role("button", name="camera").click()
    expect(visit.count).to_have_text("1 face")

    def background(selector: str) -> str:
        look = "one => getComputedStyle(one).backgroundColor"
        return str(visit.page.locator(selector).evaluate(look))

    chosen = background("#theme label:has(:checked)")
    assert chosen != background("#theme label:has([value=dark])")
    assert background("#live + .switch-track") == chosen
    visit.page.get_by_role("switch", name="Live").uncheck()
    assert background("#live + .switch-track") != chosen
    assert background(".shutter") != background("body")
