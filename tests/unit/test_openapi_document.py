"""What client generators need from the OpenAPI document; tests/nightly runs some."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def calls(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def test_calls_have_short_names(document: dict[str, Any]) -> None:
    names = [call["operationId"] for call in calls(document)]
    assert len(set(names)) == len(names)
    assert {"detect", "detect_batch", "annotate", "vision_face", "readyz"} <= set(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+){0,3}", name) for name in names)


def test_every_answer_but_pictures_and_metrics_has_one_type(document: dict[str, Any]) -> None:
    for call in calls(document):
        for status, response in call["responses"].items():
            if (call["operationId"], status) in {("annotate", "200"), ("metrics", "200")}:
                continue
            (content,) = response["content"].values()
            name = content["schema"]["$ref"].rpartition("/")[2]
            assert name in document["components"]["schemas"]
            if not status.startswith("2"):
                assert name in {"Problem", "CameraFailure"}


def test_every_body_is_a_form_or_plain_bytes(document: dict[str, Any]) -> None:
    kinds = {"multipart/form-data", "application/octet-stream"}
    bodies = [call["requestBody"]["content"] for call in calls(document) if "requestBody" in call]
    assert len(bodies) > 3
    assert all(set(body) <= kinds for body in bodies)
