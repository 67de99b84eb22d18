"""GET /metrics with the fake backend."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.openmetrics import parser as openmetrics_parser

import facedetect
from facedetect.backends.fake import FakeBackend
from facedetect.errors import (
    BackendTimeout,
    BackendUnavailable,
    FacedetectError,
    InvalidImage,
    InvalidSettings,
    ModelNotFound,
    Overloaded,
    RateLimited,
    Unauthorized,
    UploadTimeout,
)
from facedetect.service.request_context import RequestContext, request_context, time_stage
from facedetect.service.service_metrics import ServiceMetrics
from facedetect.settings import ServiceSettings
from tests.fake import after, failing
from tests.unit.monitoring import number, samples_of
from tests.unit.service import JPEG, PHOTO, MakeClient

SCOPE = {"method": "POST", "path": "/detect"}


def test_a_detection_is_counted_in_all_its_parts(client: TestClient) -> None:
    assert client.post("/detect", files={"image": PHOTO}).status_code == 200
    call = {"method": "POST", "route": "/detect", "status": "200"}
    assert number(client, "facedetect_requests_total", **call) == 1
    assert number(client, "facedetect_request_seconds_count", route="/detect") == 1
    assert number(client, "facedetect_request_seconds_sum", route="/detect") > 0
    stages = samples_of(client)["facedetect_stage_seconds_count"]
    counted = {dict(labels)["stage"]: count for labels, count in stages.items()}
    assert counted == {"upload": 1, "queue": 1, "decode": 1, "predict": 1, "render": 0}
    assert number(client, "facedetect_faces_per_image_sum") == 1
    assert number(client, "facedetect_image_megapixels_sum") == pytest.approx(0.512**2)
    assert number(client, "facedetect_images_total", model="fake", version="1") == 1


def test_images_of_a_batch_are_counted_one_by_one(client: TestClient) -> None:
    files = [("image", PHOTO), ("image", b"text"), ("image", PHOTO)]
    assert client.post("/detect/batch", files=files).status_code == 200
    assert number(client, "facedetect_images_total", model="fake", version="1") == 2
    assert number(client, "facedetect_request_seconds_count", route="/detect/batch") == 1


def test_drawing_is_a_stage(client: TestClient) -> None:
    client.post("/detect?annotate=true", files={"image": PHOTO})
    assert number(client, "facedetect_stage_seconds_count", stage="render") == 1


def test_requests_in_progress_are_counted(make_client: MakeClient) -> None:
    backend = FakeBackend()
    client = make_client(backend, threads=1)
    busy, release = Event(), Event()

    def block() -> None:
        busy.set()
        release.wait(30)

    backend.respond = after(block)
    with ThreadPoolExecutor(1) as pool:
        post = pool.submit(client.post, "/detect", content=PHOTO, headers=JPEG)
        assert busy.wait(10)
        try:
            assert number(client, "facedetect_running_images") == 1
            assert number(client, "facedetect_queued_images") == 0
            assert number(client, "facedetect_upload_bytes_held") == len(PHOTO)
            assert number(client, "facedetect_requests_in_progress") == 2
        finally:
            release.set()
        assert post.result().status_code == 200
    for name in ("running_images", "upload_bytes_held"):
        assert number(client, f"facedetect_{name}") == 0


def test_rejections_are_counted_by_reason(
    make_client: MakeClient, backend: FakeBackend, keys_file: Path, key: str
) -> None:
    client = make_client(backend, keys_file=keys_file, open_metrics=True, rate_limit="1/hour")
    headers = {**JPEG, "X-API-Key": key}
    answers = [client.post("/detect", content=PHOTO, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert client.post("/detect", content=PHOTO, headers=JPEG).status_code == 401
    foreign = {**headers, "Origin": "https://evil.example"}
    assert client.post("/detect", content=PHOTO, headers=foreign).status_code == 403
    assert number(client, "facedetect_rejections_total", reason="rate_limited") == 2
    assert number(client, "facedetect_rejections_total", reason="unauthorized") == 1
    assert number(client, "facedetect_rejections_total", reason="forbidden") == 1


def test_errors_of_the_model_are_counted_not_those_of_probes(make_client: MakeClient) -> None:
    client = make_client(failing(ModelNotFound("no version 9")))
    files = [("image", PHOTO), ("image", PHOTO)]
    assert client.get("/readyz").status_code == 503
    assert client.post("/detect", files={"image": PHOTO}).status_code == 503
    assert client.post("/detect/batch", files=files).status_code == 200
    assert number(client, "facedetect_backend_errors_total", kind="model_not_found") == 3
    probe = {"method": "GET", "route": "/readyz", "status": "503"}
    assert number(client, "facedetect_requests_total", **probe) == 1


@pytest.mark.parametrize(
    ("error", "name", "labels"),
    [
        (BackendUnavailable(""), "backend_errors", {"kind": "backend_unavailable"}),
        (BackendTimeout(""), "backend_errors", {"kind": "backend_timeout"}),
        (Overloaded("", reason="queue_full"), "rejections", {"reason": "queue_full"}),
        (RateLimited(""), "rejections", {"reason": "rate_limited"}),
        (Unauthorized(""), "rejections", {"reason": "unauthorized"}),
        (UploadTimeout(""), "rejections", {"reason": "upload_timeout"}),
    ],
)
def test_each_error_is_one_more(error: FacedetectError, name: str, labels: dict[str, str]) -> None:
    metrics = ServiceMetrics()
    value = metrics.registry.get_sample_value
    assert value(f"facedetect_{name}_total", labels) == 0, "known from the start, for rates"
    metrics.add_request(RequestContext(SCOPE, errors=[error, InvalidImage("no")]))
    assert value(f"facedetect_{name}_total", labels) == 1


def test_a_stage_is_timed_whether_it_ends_well_or_not() -> None:
    request, metrics = RequestContext(SCOPE), ServiceMetrics()
    with (
        request_context(request),
        pytest.raises(ZeroDivisionError),
        time_stage("decode") as stage,
    ):
        raise ZeroDivisionError
    assert stage.ms > 0
    metrics.add_request(request)
    labels = {"stage": "decode"}
    value = metrics.registry.get_sample_value
    assert value("facedetect_stage_seconds_count", labels) == 1
    assert value("facedetect_stage_seconds_sum", labels) == pytest.approx(stage.ms / 1000, abs=1e-6)


def test_nothing_that_clients_send_becomes_a_label(client: TestClient) -> None:
    def series() -> set[tuple[str, frozenset[tuple[str, str]]]]:
        return {(name, labels) for name, all_of in samples_of(client).items() for labels in all_of}

    def ask(word: str) -> None:
        client.get(f"/{word}")
        client.get(f"/detect/{word}?{word}={word}")
        client.get(f"/static-offline-docs/{word}")
        client.request(word.upper(), "/detect", headers={"X-Request-ID": word, "Host": word})

    ask("first")
    series()  # is a request itself
    before = series()
    for index in range(20):
        ask(f"word{index}")
    assert series() == before
    routes = {dict(labels).get("route") for _, labels in before} - {None}
    assert routes == {"unmatched", "/static-offline-docs", "/detect", "/metrics"}


def test_routes_are_the_documented_templates(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            client.request(method, path)
    counted = samples_of(client)["facedetect_requests_total"]
    routes = {(dict(labels)["method"].lower(), dict(labels)["route"]) for labels in counted}
    documented = {(method, path) for path, methods in paths.items() for method in methods}
    assert documented - {("get", "/metrics")} <= routes
    assert {route for _, route in routes} - set(paths) == {"/openapi.json"}


def test_the_format_is_what_was_asked_for(client: TestClient) -> None:
    plain = client.get("/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    accept = {"Accept": "application/openmetrics-text; version=1.0.0, text/plain; q=0.5"}
    openmetrics = client.get("/metrics", headers=accept)
    assert openmetrics.headers["content-type"].startswith(
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    assert openmetrics.text.endswith("# EOF\n")
    parse: Any = openmetrics_parser.text_string_to_metric_families  # it has no types
    names = {family.name for family in parse(openmetrics.text)}
    assert {"facedetect_requests", "facedetect_build", "process_resident_memory_bytes"} <= names
    head = client.head("/metrics")
    assert head.headers["content-type"] == plain.headers["content-type"]
    assert "_created" not in plain.text + openmetrics.text


def test_the_version_and_the_process_are_there(client: TestClient) -> None:
    labels = {"version": facedetect.__version__, "backend": "embedded"}
    assert number(client, "facedetect_build_info", **labels) == 1
    assert number(client, "process_resident_memory_bytes") > 10e6
    assert number(client, "process_open_fds") > 3


def test_two_services_do_not_share_numbers(make_client: MakeClient) -> None:
    one, other = make_client(FakeBackend()), make_client(FakeBackend())
    one.post("/detect", files={"image": PHOTO})
    call = {"method": "POST", "route": "/detect", "status": "200"}
    assert number(one, "facedetect_requests_total", **call) == 1
    assert number(other, "facedetect_requests_total", **call) == 0


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector", "http://", "https:///x"])
def test_a_collector_is_a_url(endpoint: str) -> None:
    with pytest.raises(InvalidSettings, match="--traces_endpoint="):
        ServiceSettings.load(traces_endpoint=endpoint)
