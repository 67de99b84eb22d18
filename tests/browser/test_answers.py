"""Answers that are broken, come too late, or ask to come again."""

from __future__ import annotations

import json

from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.visit import Visit
from tests.conftest import ASTRONAUT

OVERLOADED = json.dumps({"title": "The service is busy", "detail": "come again", "status": 429})
HOLDS_READING = """() => {
    Blob.prototype.arrayBuffer = () => new Promise((resolve) => { window.finish = resolve; });
}"""


def test_a_proxy_answers_in_its_place(visit: Visit) -> None:
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    log_in_instead(visit, "detect")
    visit.slide("Smallest face", 40)
    expect_to_be_told(visit)
    log_in_instead(visit, "annotate")
    visit.page.get_by_role("radio", name="Blurred").check()
    expect_to_be_told(visit)


def log_in_instead(visit: Visit, path: str) -> None:
    page = "<!doctype html><title>Log in</title>"
    visit.page.route(f"**/{path}?*", lambda route: route.fulfill(body=page), times=1)


def expect_to_be_told(visit: Visit) -> None:
    expect(visit.notice).to_contain_text("The response cannot be read")
    expect(visit.notice).not_to_contain_text("seconds")
    visit.notice.get_by_role("button", name="Try again").click()
    expect(visit.count).to_have_text("1 face")
    expect(visit.notice).to_be_empty()


def test_a_failure_that_comes_too_late(open_page: Open) -> None:
    """Why a request failed is still being found out when the next one is answered."""
    visit = open_page()
    visit.page.evaluate(HOLDS_READING)
    visit.page.route("**/detect?preset=balanced", lambda route: route.abort())
    visit.pick(ASTRONAUT)
    visit.wait_until("Boolean(window.finish)")
    visit.slide("Smallest face", 40)
    expect(visit.count).to_have_text("1 face")
    visit.page.evaluate("finish()")
    visit.page.wait_for_timeout(100)
    expect(visit.count).to_have_text("1 face")
    expect(visit.notice).to_be_empty()
    noted, visit.wrong = visit.wrong, []
    assert all("ERR_FAILED" in line for line in noted)


def test_a_download_waits_and_comes(open_page: Open) -> None:
    visit = open_page()
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    visit.page.route(
        "**/annotate?*",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "2"}, body=OVERLOADED),
        times=1,
    )
    visit.page.route("**/detect?*", lambda route: route.abort())  # nobody asks for that again
    with visit.page.expect_download():
        visit.page.get_by_role("button", name="PNG").click()
        expect(visit.notice).to_contain_text("Trying again in 2 seconds.")
        visit.page.locator("summary").focus()
    expect(visit.notice).to_be_empty()
    expect(visit.page.get_by_role("button", name="PNG")).to_be_enabled()
    expect(visit.page.locator("summary")).to_be_focused()
    assert visit.refused == [429]


def test_a_download_gives_the_focus_back(visit: Visit) -> None:
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    button = visit.page.get_by_role("button", name="PNG")
    with visit.page.expect_download():
        button.press("Enter")
    expect(button).to_be_focused()


def test_the_demonstration_without_a_network(open_page: Open) -> None:
    visit = open_page()
    visit.page.context.set_offline(offline=True)
    visit.page.get_by_role("button", name="No picture at hand?").click()
    expect(visit.notice).to_contain_text("The service cannot be reached")
    visit.page.context.set_offline(offline=False)
    visit.notice.get_by_role("button", name="Try again").click()
    expect(visit.count).to_have_text("2 faces")
    expect(visit.notice).to_be_empty()
    noted, visit.wrong = visit.wrong, []
    assert all("ERR_INTERNET_DISCONNECTED" in line for line in noted)


def test_the_demonstration_comes_too_late(visit: Visit) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visit.page.route("**/page/demonstration.jpg", hold)
    visit.page.get_by_role("button", name="No picture at hand?").click()
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    with visit.page.expect_response("**/page/demonstration.jpg"):
        held[0].continue_()
    visit.page.wait_for_timeout(200)
    expect(visit.page.locator("#picture-name")).to_have_text("astronaut.jpg")
