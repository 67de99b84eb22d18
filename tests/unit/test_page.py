"""The page's files as they are served; tests/browser opens them in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import facedetect.service.page

FOLDER = Path(facedetect.service.page.__file__).parent / "static"
FILES = sorted(path.name for path in FOLDER.iterdir())
HTML = (FOLDER / "index.html").read_text("utf-8")


def test_the_page_is_at_the_root(client: TestClient) -> None:
    response = client.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == HTML
    assert client.head("/").status_code == 200
    assert client.post("/").status_code == 405


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_served_and_asked_for_each_time(client: TestClient, name: str) -> None:
    response = client.get(f"/page/{name}")
    assert response.content == (FOLDER / name).read_bytes()
    assert response.headers["cache-control"] == "no-cache"
    again = client.get(f"/page/{name}", headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304


def test_nothing_else_is_served(client: TestClient) -> None:
    for path in ("nothing.js", "../__init__.py", "%2e%2e/__init__.py", ""):
        assert client.get(f"/page/{path}").status_code == 404


def test_what_the_page_names_is_there() -> None:
    named = set(re.findall(r'"page/([\w.]+)', HTML))
    for path in FOLDER.glob("*.js"):
        named |= set(re.findall(r'from "\./([\w.]+)"', path.read_text("utf-8")))
    assert named <= set(FILES)
    assert set(FILES) - named == {"index.html"}


def test_a_strict_policy_leaves_the_page_whole() -> None:
    """No script, handler or style stands in the HTML, and nothing comes from elsewhere."""
    assert not re.search(r"<script(?![^>]* src=)|<style|\s(on\w+|style)=", HTML)
    for name in FILES:
        if not name.endswith(".jpg"):
            text = (FOLDER / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "//" not in re.sub(r"(?m)(^|\s)//.*", "", text), name


def test_every_module_says_what_it_is_for() -> None:
    silent = [p.name for p in FOLDER.glob("*.js") if not p.read_text("utf-8").startswith("// ")]
    assert not silent
