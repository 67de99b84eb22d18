"""The HTTP service with the fake backend."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.faces import Face
from facedetect.images import BGRImage, write_image
from facedetect.service import create_app
from facedetect.settings import ServiceSettings
from tests.fake import finding
from tests.unit.archives import make_source
from tests.unit.keys import new_key
from tests.unit.service import MakeClient
from tests.unit.videos import make_video


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Start the service over a backend; settings by keyword."""
    with ExitStack() as stack:

        def make(backend: FakeBackend, **overrides: Any) -> TestClient:
            settings = ServiceSettings.load(**overrides)
            detector = Detector(
                backend,
                limits=settings.limits,
                max_pyramid_pixels=settings.max_pyramid_pixels,
                timeout_s=settings.timeout_s,
            )
            app = create_app(settings, detector)
            client = stack.enter_context(TestClient(app, raise_server_exceptions=False))
            while not backend.requests:  # the warm-up runs during the start
                time.sleep(0.01)
            return client

        yield make


@pytest.fixture
def backend(a_face: Face) -> FakeBackend:
    return finding(a_face)


@pytest.fixture
def client(make_client: MakeClient, backend: FakeBackend) -> TestClient:
    return make_client(backend)


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


@pytest.fixture
def key(keys_file: Path) -> str:
    """An API key named `camera`, in the file."""
    return new_key(keys_file, "camera")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_source(tmp_path / "in")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def many(tmp_path: Path, noise: BGRImage) -> Path:
    for n in range(40):
        write_image(tmp_path / "many" / f"{n:02}.png", noise)
    return tmp_path / "many"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_video(tmp_path / "in" / "clip.mp4")
