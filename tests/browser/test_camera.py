"""The camera, which sees the astronaut."""

from __future__ import annotations

from playwright.sync_api import Request, expect

from tests.browser.conftest import Open
from tests.browser.visit import ELSEWHERE, PHONE, Visit
from tests.conftest import ASTRONAUT


class UnderWay:
    """Counts requests to /detect: how many there were, and how many at a time."""

    def __init__(self, visit: Visit) -> None:
        self.total = self.now = self.most = 0
        visit.page.on("request", self._on_start)
        visit.page.on("requestfinished", self._on_end)
        visit.page.on("requestfailed", self._on_end)

    def _on_start(self, request: Request) -> None:
        if "/detect?" in request.url:
            self.total += 1
            self.now += 1
            self.most = max(self.most, self.now)

    def _on_end(self, request: Request) -> None:
        self.now -= "/detect?" in request.url


def open_camera(visit: Visit) -> None:
    visit.page.get_by_role("button", name="camera").click()


def test_live_one_request_after_the_other(visit: Visit) -> None:
    requests = UnderWay(visit)
    open_camera(visit)
    expect(visit.count).to_have_text("1 face")
    expect(visit.boxes).to_have_count(1)
    while requests.total <= 3:  # as fast as this machine is
        visit.page.wait_for_timeout(50)
    assert requests.most == 1
    visit.page.get_by_role("switch", name="Live").uncheck()
    expect(visit.boxes).to_have_count(0)
    expect(visit.count).to_have_text("Live is off")
    visit.page.wait_for_timeout(100)
    before = requests.total
    visit.page.wait_for_timeout(300)
    assert requests.total == before


def test_the_focus_stays_on_a_face(visit: Visit) -> None:
    open_camera(visit)
    visit.faces.first.focus()
    visit.page.wait_for_timeout(500)
    expect(visit.faces.first).to_be_focused()
    expect(visit.page.locator("#tag")).to_be_visible()


def test_the_shutter_takes_a_picture(open_page: Open) -> None:
    visit = open_page(**PHONE)
    open_camera(visit)
    expect(visit.page.locator("#frame")).to_have_class("frame mirrored")
    visit.page.get_by_role("button", name="Take the picture").tap()
    expect(visit.page.locator("#picture-name")).to_have_text("camera.jpg")
    expect(visit.page.locator("#picture-size")).to_have_text("512 \N{MULTIPLICATION SIGN} 512")
    expect(visit.count).to_have_text("1 face")
    expect(visit.page.locator("#frame")).to_have_class("frame")
    assert visit.page.locator("#video").evaluate("video => video.srcObject") is None


def test_closing_it_leads_back(visit: Visit) -> None:
    open_camera(visit)
    expect(visit.count).to_have_text("1 face")
    visit.page.get_by_role("button", name="Close camera").click()
    expect(visit.page.get_by_role("heading", name="Find the faces")).to_be_visible()


def test_without_https_only_phones_have_a_camera(open_page: Open, base_url: str) -> None:
    elsewhere = base_url.replace("127.0.0.1", ELSEWHERE)
    desktop = open_page(elsewhere)
    expect(desktop.page.get_by_role("button", name="camera")).to_have_count(0)
    desktop.pick(ASTRONAUT)
    expect(desktop.count).to_have_text("1 face")
    expect(desktop.page.get_by_role("button", name="camera")).to_have_count(0)

    phone = open_page(elsewhere, **PHONE)
    with phone.page.expect_file_chooser() as chosen:
        phone.page.get_by_role("button", name="camera").tap()
    assert chosen.value.element.get_attribute("capture") == "environment"
    chosen.value.set_files(ASTRONAUT)
    expect(phone.count).to_have_text("1 face")
    for visit in (desktop, phone):  # the browser notes that it lacks HTTPS, too
        noted, visit.wrong = visit.wrong, []
        assert all("Cross-Origin-Opener-Policy header has been ignored" in line for line in noted)
