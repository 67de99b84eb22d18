"""The service conforms to its OpenAPI document; tests/nightly checks for longer."""

from __future__ import annotations

from benchmarks.openapi_checks import check_openapi
from facedetect.backends.fake import FakeBackend
from tests.live import live


def test_the_service_keeps_what_its_document_promises() -> None:
    check_promises(examples=10)


def check_promises(examples: int) -> None:
    """Check each operation with up to `examples` examples."""
    with live(FakeBackend()) as service:
        ended = check_openapi(service.url, examples, seed=7)
        document = service.client.get("/openapi.json").json()
    assert ended.returncode == 0, ended.stdout
    calls = sum(len(methods) for methods in document["paths"].values())
    assert calls >= 8
    assert f"Selected: {calls}/{calls}" in ended.stdout
