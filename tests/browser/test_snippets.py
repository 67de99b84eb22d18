"""The code that the page offers does what the page did."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.visit import Visit
from tests.conftest import ASTRONAUT

_IS_COPIED = """async () =>
    await navigator.clipboard.readText() === document.getElementById("snippet").textContent
"""
NAMES = ["astronaut.jpg", 'it\'s "mine", 100 % $HOME; é.jpg']


@pytest.fixture(params=NAMES)
def photo(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copy(ASTRONAUT, tmp_path / request.param))


def copied(visit: Visit, language: str) -> str:
    """What the button has put on the clipboard."""
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.page.get_by_role("radio", name=language).check()
    visit.page.get_by_role("button", name="Cop").click()
    expect(visit.page.get_by_text("Copied")).to_be_visible()
    visit.wait_until(_IS_COPIED)  # the words may be those of another language's copy
    return visit.page.locator("#snippet").inner_text()


def look(visit: Visit, photo: Path) -> None:
    visit.pick(photo)
    visit.slide("Smallest face", 40)
    visit.slide("Output", 0.9)
    visit.slide("Pyramid factor", 0.8)
    expect(visit.count).to_have_text("1 face")


def test_curl_and_python(visit: Visit, photo: Path) -> None:
    look(visit, photo)
    check_curl(visit, photo)
    check_python(visit, photo)


def check_curl(visit: Visit, photo: Path) -> None:
    command = copied(visit, "curl")
    ended = subprocess.run(
        ["/bin/bash", "-c", command], cwd=photo.parent, capture_output=True, text=True, check=True
    )
    answer = json.loads(ended.stdout)
    assert len(answer["faces"]) == 1
    expected = {"min_size": 40, "factor": 0.8, "thresholds": [0.6, 0.7, 0.9]}
    assert answer["parameters"] | expected == answer["parameters"]


def check_python(visit: Visit, photo: Path) -> None:
    code = copied(visit, "Python")
    assert "min_size=40, factor=0.8, thresholds=(0.6, 0.7, 0.9)" in code.replace("\n", "")
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=photo.parent, capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith("Box(")
    assert len(ended.stdout.splitlines()) == 1


def test_hidden_faces(open_page: Open, photo: Path) -> None:
    visit = open_page()
    visit.pick(photo)
    visit.page.get_by_role("radio", name="Few false alarms").check()
    visit.page.get_by_role("switch", name="Pictures may be turned").check()
    visit.page.get_by_role("radio", name="Covered").check()
    expect(visit.count).to_have_text("1 face")
    hidden = photo.with_name(f"{photo.stem}-covered.png")
    for language, command in (("curl", ["/bin/bash", "-c"]), ("Python", [sys.executable, "-c"])):
        code = copied(visit, language)
        assert "few-false-alarms" in code
        assert "rotations" in code
        subprocess.run([*command, code], cwd=photo.parent, check=True)
        with Image.open(hidden) as picture:
            assert max(picture.getpixel((220, 120))) == 0  # type: ignore[arg-type]
        hidden.unlink()


def test_json_is_the_answer(visit: Visit) -> None:
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    shown = json.loads(copied(visit, "JSON"))
    url = f"{visit.base_url}/detect"
    answer = visit.page.request.post(url, data=ASTRONAUT.read_bytes()).json()
    assert {**shown, "timings_ms": None} == {**answer, "timings_ms": None}


def test_javascript(open_page: Open) -> None:
    visit = open_page(bypass_csp=True)  # or the code, being a string, would not be run
    look(visit, ASTRONAUT)
    code = copied(visit, "JavaScript")
    logged: list[str] = []
    visit.page.on("console", lambda message: logged.append(message.text))
    visit.page.evaluate(
        """async code => {
            const file = await (await fetch("page/demonstration.jpg")).blob();
            const Asynchronous = (async () => {}).constructor;
            await new Asynchronous("file", code)(file);
        }""",
        code,
    )
    assert len(logged) == 2  # one line a face
