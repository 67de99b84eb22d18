"""Shared parts of the HTTP service tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

from tests.conftest import ASTRONAUT

PHOTO = ASTRONAUT.read_bytes()
JPEG = {"Content-Type": "image/jpeg"}
MakeClient = Callable[..., TestClient]


def problem(response: Any, status: int, slug: str) -> str:
    """Check that a response is this problem; return its detail."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["type"] == f"urn:facedetect:problem:{slug}"
    assert body["status"] == status
    return str(body["detail"])
