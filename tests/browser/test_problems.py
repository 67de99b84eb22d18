"""What the page says when there is no answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from facedetect.service.keys.key_file import add_key
from tests.browser.conftest import Open
from tests.conftest import ASTRONAUT, GRACE_HOPPER
from tests.processes import served

TEXT_FILE = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture at all"}


@dataclass
class Guarded:
    """A service that asks for a key and takes 100 kB; one key takes an image in 5 s."""

    base_url: str
    key: str
    limited_key: str


@pytest.fixture(scope="session")
def guarded(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    assert chromium
    keys = tmp_path_factory.mktemp("keys") / "keys.jsonl"
    _, key = add_key(keys, "page", lifetime=None, rate_limit=None)
    _, limited_key = add_key(keys, "limited", lifetime=None, rate_limit="1/5second")
    env = {"FACEDETECT_KEYS_FILE": str(keys), "FACEDETECT_MAX_IMAGE_BYTES": "100000"}
    with served(env=env) as running:
        yield Guarded(running.url, key, limited_key)


def test_a_text_file(open_page: Open) -> None:
    visit = open_page()
    visit.pick(TEXT_FILE)
    expect(visit.notice).to_contain_text("Unsupported format")
    expect(visit.notice).to_contain_text("send JPEG, PNG")
    expect(visit.count).to_have_text("No result")
    with visit.page.expect_file_chooser() as chosen:
        visit.notice.get_by_role("button", name="Choose another").click()
    chosen.value.set_files(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    expect(visit.notice).to_be_empty()
    assert visit.refused == [415]


def test_more_work_than_is_allowed(open_page: Open) -> None:
    visit = open_page()
    visit.page.route(
        "**/detect?preset=balanced",
        lambda route: route.continue_(url=f"{route.request.url}&min_size=2"),
    )
    visit.pick(ASTRONAUT)
    expect(visit.notice).to_contain_text("Invalid parameters")
    visit.slide("Smallest face", 40)
    expect(visit.count).to_have_text("1 face")
    expect(visit.notice).to_be_empty()
    assert visit.refused == [422]


def test_a_key_is_asked_for_and_kept(open_page: Open, guarded: Guarded) -> None:
    visit = open_page(guarded.base_url)
    visit.pick(GRACE_HOPPER)
    dialog = visit.page.get_by_role("dialog", name="API key required")
    expect(dialog).to_be_visible()
    dialog.get_by_label("API key").fill("clé€")  # no header can have it
    visit.press("Enter")
    expect(dialog.locator("input:invalid")).to_be_visible()
    dialog.get_by_label("API key").fill("fd_wrong")
    visit.press("Enter")
    expect(dialog).to_contain_text("The service does not know the key that was sent.")
    dialog.get_by_role("button", name="Cancel").click()
    expect(visit.notice).to_contain_text("API key required")
    visit.notice.get_by_role("button", name="Enter the key").click()
    dialog.get_by_label("API key").fill(guarded.key)
    visit.press("Enter")
    expect(visit.count).to_have_text("1 face")
    expect(visit.page.locator("#snippet")).to_contain_text('-H "X-API-Key: $FACEDETECT_API_KEY"')
    expect(visit.page.locator("#work")).to_be_focused()
    visit.page.reload()
    visit.pick(GRACE_HOPPER)
    expect(visit.count).to_have_text("1 face")
    assert visit.refused == [401, 401]


def test_a_key_is_used_where_nothing_can_be_stored(open_page: Open, guarded: Guarded) -> None:
    visit = open_page(guarded.base_url)
    visit.page.add_init_script(
        """Object.defineProperty(window, "sessionStorage", {
            get() { throw new DOMException("", "SecurityError"); },
        });"""
    )
    visit.page.reload()
    visit.pick(GRACE_HOPPER)
    visit.page.get_by_role("dialog").get_by_label("API key").fill(f" {guarded.key} ")
    visit.press("Enter")
    expect(visit.count).to_have_text("1 face")
    assert visit.refused == [401]


def test_it_waits_as_long_as_it_is_told(open_page: Open, guarded: Guarded) -> None:
    visit = open_page(guarded.base_url)
    key = guarded.limited_key
    visit.page.evaluate("key => sessionStorage.setItem('facedetect-api-key', key)", key)

    def after_another(route: Route) -> None:
        visit.page.request.post(f"{guarded.base_url}/detect", headers={"X-API-Key": key})
        route.continue_()

    visit.page.route("**/detect?*", after_another, times=1)
    visit.pick(GRACE_HOPPER)
    expect(visit.notice).to_contain_text("Rate limit exceeded")
    expect(visit.notice).to_contain_text("Trying again in")
    expect(visit.count).to_have_text("1 face", timeout=15_000)  # by itself
    expect(visit.notice).to_be_empty()
    assert set(visit.refused) == {429}


def test_a_file_that_is_too_large(open_page: Open, guarded: Guarded) -> None:
    visit = open_page(guarded.base_url)
    visit.page.evaluate("key => sessionStorage.setItem('facedetect-api-key', key)", guarded.key)
    visit.pick(ASTRONAUT)
    expect(visit.notice).to_contain_text("more than the 100000 bytes allowed")


def test_a_file_far_too_large(open_page: Open, tmp_path: Path) -> None:
    """The service ends the connection while the browser still sends: it sees no reason."""
    visit = open_page()
    huge = tmp_path / "huge.bmp"
    huge.write_bytes(b"BM" + bytes(45 * 2**20))
    visit.pick(huge)
    expect(visit.notice).to_contain_text("too large")
    visit.wrong.clear()


def test_a_service_that_is_gone(open_page: Open) -> None:
    visit = open_page()
    visit.page.context.set_offline(offline=True)
    visit.pick(ASTRONAUT)
    expect(visit.notice).to_contain_text("The service cannot be reached")
    visit.page.context.set_offline(offline=False)
    visit.notice.get_by_role("button", name="Try again").press("Enter")
    expect(visit.count).to_have_text("1 face")
    expect(visit.page.locator("#work")).to_be_focused()
    noted, visit.wrong = visit.wrong, []
    assert all("ERR_INTERNET_DISCONNECTED" in line for line in noted)
