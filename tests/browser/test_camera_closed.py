"""The camera is off once the visitor has left it, whatever was under way; and it may be refused."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from tests.browser.test_camera import UnderWay, open_camera
from tests.browser.visit import Visit
from tests.conftest import ASTRONAUT

# The browser's own cameras, but as two, and people may take their time to allow them, or refuse.
_WATCHED = """() => {
    const { mediaDevices } = navigator;
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    Object.assign(window, { streams: [], asked: [], isHeld: false, refusal: null });
    mediaDevices.enumerateDevices = async () => [{ kind: "videoinput" }, { kind: "videoinput" }];
    mediaDevices.getUserMedia = async (wish) => {
        if (isHeld) await new Promise((allow) => asked.push(allow));
        if (refusal) throw new DOMException("", refusal);
        const stream = await ask(wish);
        streams.push(stream);
        return stream;
    };
}"""
_DECODES_LATE = """() => {
    const decode = HTMLImageElement.prototype.decode;
    HTMLImageElement.prototype.decode = async function () {
        await new Promise((resolve) => { window.finish = resolve; });
        return decode.call(this);
    };
}"""


@dataclass
class Cameras:
    """What the page has of the browser's cameras."""

    visit: Visit

    def ask_first(self) -> None:
        """From now on nobody answers whether the page may have the camera."""
        self.visit.page.evaluate("() => { isHeld = true; }")

    def allow(self, count: int) -> None:
        """Answer, once there are as many questions, and give the page time to go wrong."""
        self.visit.wait_until(f"asked.length === {count}")
        before = self.visit.page.evaluate("streams.length")
        self.visit.page.evaluate("() => { isHeld = false; for (const allow of asked) allow(); }")
        self.visit.wait_until(f"streams.length === {before + count}")
        self.visit.page.wait_for_timeout(300)

    def refuse(self, error: str | None) -> None:
        """From now on opening one fails, until this is called with None."""
        self.visit.page.evaluate("error => { refusal = error; }", error)

    @property
    def running(self) -> int:
        running: int = self.visit.page.evaluate("streams.filter((one) => one.active).length")
        return running


@pytest.fixture
def cameras(visit: Visit) -> Cameras:
    visit.page.evaluate(_WATCHED)
    return Cameras(visit)


def view(visit: Visit) -> str | None:
    return visit.page.locator("body").get_attribute("data-view")


def test_a_picture_that_comes_too_late(visit: Visit, cameras: Cameras) -> None:
    visit.page.evaluate(_DECODES_LATE)
    visit.pick(ASTRONAUT)
    visit.wait_until("Boolean(window.finish)")
    open_camera(visit)
    expect(visit.count).to_have_text("1 face")
    visit.page.evaluate("finish()")
    visit.page.wait_for_timeout(300)
    assert (view(visit), cameras.running) == ("camera", 1)
    visit.page.get_by_role("button", name="Close camera").click()
    assert (view(visit), cameras.running) == ("empty", 0)


def test_a_picture_that_comes_before_the_camera(visit: Visit, cameras: Cameras) -> None:
    requests = UnderWay(visit)
    cameras.ask_first()
    open_camera(visit)
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    cameras.allow(1)
    assert (view(visit), cameras.running, requests.total) == ("picture", 0, 1)


def test_asking_twice_opens_it_once(visit: Visit, cameras: Cameras) -> None:
    cameras.ask_first()
    open_camera(visit)
    open_camera(visit)
    cameras.allow(2)
    assert (view(visit), cameras.running) == ("camera", 1)
    visit.page.get_by_role("button", name="Close camera").click()
    assert (view(visit), cameras.running) == ("empty", 0)


def test_closing_it_while_it_turns(visit: Visit, cameras: Cameras) -> None:
    open_camera(visit)
    expect(visit.count).to_have_text("1 face")
    cameras.ask_first()
    visit.page.get_by_role("button", name="Other camera").click()
    live = visit.page.get_by_role("switch", name="Live")
    live.uncheck()
    with_nothing_to_see = UnderWay(visit)
    live.check()
    visit.page.get_by_role("button", name="Take the picture").click()
    visit.page.wait_for_timeout(100)
    visit.page.get_by_role("button", name="Close camera").click()
    cameras.allow(1)
    assert (view(visit), cameras.running, with_nothing_to_see.total) == ("empty", 0, 0)


def test_another_camera_that_cannot_be_used(visit: Visit, cameras: Cameras) -> None:
    open_camera(visit)
    expect(visit.count).to_have_text("1 face")
    cameras.refuse("NotReadableError")
    visit.page.get_by_role("button", name="Other camera").click()
    expect(visit.notice).to_contain_text("Another program is using it")
    assert (view(visit), cameras.running) == ("empty", 0)


def test_a_camera_that_is_refused_at_first(visit: Visit, cameras: Cameras) -> None:
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    with visit.page.expect_response("**/annotate?*"):
        visit.page.get_by_role("radio", name="Blurred").check()
    cameras.refuse("NotAllowedError")
    open_camera(visit)
    expect(visit.notice).to_contain_text("The browser has no permission to use it")
    expect(visit.notice).not_to_contain_text("seconds")
    expect(visit.page.locator("#shown")).to_be_visible()  # what there was stays
    expect(visit.count).to_have_text("1 face")
    cameras.refuse(None)
    visit.notice.get_by_role("button", name="Try again").press("Enter")
    expect(visit.page.locator("#picture-name")).to_have_text("Camera")
    expect(visit.notice).to_be_empty()
    expect(visit.page.locator("#work")).to_be_focused()
    assert cameras.running == 1


def test_a_camera_that_is_not_there(visit: Visit, cameras: Cameras) -> None:
    cameras.refuse("NotFoundError")
    open_camera(visit)
    expect(visit.notice).to_contain_text("The browser found no camera")
