"""The service keeps what its OpenAPI document promises; scripts/fuzz api looks for longer."""

from __future__ import annotations

from benchmarks.openapi_checks import check_openapi
from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.service import create_app
from facedetect.settings import ServiceSettings


def test_the_service_keeps_what_its_document_promises() -> None:
    ended = check_openapi(examples=30, seed=7)
    assert ended.returncode == 0, ended.stdout
    document = create_app(ServiceSettings.load(), Detector(FakeBackend())).openapi()
    calls = sum(len(methods) for methods in document["paths"].values())
    assert calls >= 8
    assert f"Selected: {calls}/{calls}" in ended.stdout
