"""The service below a path of a proxy's."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from facedetect.backends.fake import FakeBackend
from facedetect.errors import InvalidSettings
from facedetect.settings import ServiceSettings
from tests.unit.service import PHOTO, MakeClient, problem

ROOT = "/our/faces"


@pytest.fixture
def below(make_client: MakeClient, backend: FakeBackend) -> TestClient:
    return make_client(backend, root_path=ROOT)


@pytest.mark.parametrize("prefix", [ROOT, ""], ids=["kept", "removed"])
def test_it_is_there_whether_the_proxy_removes_the_path_or_not(
    below: TestClient, prefix: str
) -> None:
    for path in ("/", "/page/base.css", "/page/icons.svg", "/healthz", "/docs", "/openapi.json"):
        assert below.get(prefix + path).status_code == 200, path
    assert below.post(f"{prefix}/detect", files={"image": PHOTO}).json()["faces"]
    camera = below.post(f"{prefix}/v1/nothing")
    assert (camera.status_code, camera.json()["success"]) == (404, False)
    problem(below.get(f"{prefix}/page/nothing.js"), 404, "not-found")
    metrics = below.get(f"{prefix}/metrics").text
    assert 'route="/detect"' in metrics
    assert "our/faces" not in metrics


def test_docs_name_what_is_below_the_path(below: TestClient) -> None:
    docs = below.get(f"{ROOT}/docs")
    assert "unsafe-inline" in docs.headers["content-security-policy"]
    linked = re.findall(r"""(?:src|href|url)[=:] ?["'](/[^"']+)""", docs.text)
    assert len(linked) >= 3
    for link in linked:
        assert link.startswith(f"{ROOT}/")
        assert below.get(link).status_code == 200, link
    assert below.get(f"{ROOT}/openapi.json").json()["servers"] == [{"url": ROOT}]


def test_the_page_is_a_folder(below: TestClient) -> None:
    """Its links are relative."""
    response = below.get(ROOT, headers={"Host": "evil.example"}, follow_redirects=False)
    assert response.status_code == 307
    assert response.headers["location"] == f"{ROOT}/"


def test_another_path_is_no_part_of_it(below: TestClient) -> None:
    problem(below.get("/our/faceseverywhere/healthz"), 404, "not-found")


@pytest.mark.parametrize("path", ["faces", "/", "/faces/", "//evil.example", "/a b", "http://x/y"])
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(InvalidSettings, match=r"--root_path="):
        ServiceSettings.load(root_path=path)
