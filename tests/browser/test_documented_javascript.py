"""The JavaScript in the documentation, run as it stands there except for the address."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.conftest import Open

DOCS = Path(__file__).parents[2] / "docs"
JAVASCRIPT = re.compile(r"```(?:js|javascript)\n(.*?)```", re.DOTALL)
SNIPPETS = {
    path.relative_to(DOCS).as_posix(): snippets
    for path in sorted(DOCS.rglob("*.md"))
    if (
        snippets := re.findall(
            r"```(?:js|javascript)\n(.*?)```", path.read_text("utf-8"), re.DOTALL
        )
    )
}
# Define what the pages take from their surroundings, run the code, and return what it found.
_RUN = """async code => {
    const file = await (await fetch("page/demonstration.jpg")).blob();
    const picture = await createImageBitmap(file);
    const canvas = Object.assign(document.createElement("canvas"), {
        width: picture.width, height: picture.height,
    });
    canvas.getContext("2d").drawImage(picture, 0, 0);
    const Asynchronous = (async () => {}).constructor;
    return new Asynchronous("file", "canvas", `${code}; return faces`)(file, canvas);
}"""


@pytest.mark.parametrize("page", SNIPPETS)
def test_a_page_finds_faces(page: str, open_page: Open) -> None:
    visit = open_page(bypass_csp=True)  # or the code, being a string, would not be run
    for code in SNIPPETS[page]:
        assert "http://localhost:8000" in code
        faces = visit.page.evaluate(_RUN, code.replace("http://localhost:8000", visit.base_url))
        assert sum(face["confidence"] > 0.99 for face in faces) == 2
