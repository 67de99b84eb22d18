"""What an operator sees of the real service: its log, its metrics, its traces."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.servers import Command, Gateway, free_port, gateway, wait_for
from tests.conftest import ASTRONAUT
from tests.e2e.collector import Collector, collecting, values_of
from tests.processes import served

PHOTO = ASTRONAUT.read_bytes()
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER_SPAN = "00f067aa0ba902b7"
JPEG = {"Content-Type": "image/jpeg"}

# No model is needed to request a page that does not exist.
NO_MODEL = ("--backend", "grpc://127.0.0.1:9/mtcnn")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def service(collector: Collector) -> Iterator[Gateway]:
    env = {
        "FACEDETECT_TRACES_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    with served(env=env) as running:
        yield running


def lines_of(running: Gateway) -> list[dict[str, Any]]:
    """Return the log; fail if a line is not JSON."""
    return [json.loads(line) for line in running.log().splitlines()]


def end(running: Gateway) -> None:
    """Stop the service and wait until it has exited."""
    running.process.terminate()
    running.process.wait(120)


@pytest.mark.parametrize(("path", "is_well"), [((), True), (("/readyz",), False)])
def test_the_images_health_check_asks_for_a_path(path: tuple[str, ...], *, is_well: bool) -> None:
    """Compose requests /readyz: the process is alive, but there is no model."""
    check = Path(__file__).parents[2] / "deploy/image/healthcheck.py"
    with gateway(*NO_MODEL) as running:
        wait_for(running.client, "/healthz", running.process)
        env = {"FACEDETECT_PORT": str(running.client.base_url.port)}
        command: Command = [sys.executable, "-I", "-S", check, *path]
        ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (ended.returncode == 0) == is_well
    assert ended.stderr == ("" if is_well else "GET /readyz answered 503\n")


def test_a_request_is_one_trace_with_its_stages(service: Gateway, collector: Collector) -> None:
    headers = {**JPEG, "traceparent": f"00-{TRACE_ID}-{CALLER_SPAN}-01", "X-Request-ID": "r.1"}
    query = "style=blur&format=jpeg"
    answer = service.client.post(f"/annotate?{query}", content=PHOTO, headers=headers)
    assert answer.status_code == 200
    spans = collector.wait_for("POST /annotate")
    assert set(spans) == {"POST /annotate", "upload", "queue", "decode", "predict", "render"}
    server = spans.pop("POST /annotate")
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE_ID, CALLER_SPAN)
    assert all(span.parent_span_id == server.span_id for span in spans.values())
    stages = list(spans.values())
    assert server.start_time_unix_nano <= min(span.start_time_unix_nano for span in stages)
    assert max(span.end_time_unix_nano for span in stages) <= server.end_time_unix_nano
    attributes = values_of(server.attributes)
    assert attributes["http.route"] == attributes["url.path"] == "/annotate"
    assert attributes["http.request.method"] == "POST"
    assert attributes["http.response.status_code"] == 200
    assert "blur" not in str(server)
    assert collector.resource["service.name"] == "facedetect"
    assert collector.resource["deployment.environment.name"] == "test"
    (line,) = (line for line in lines_of(service) if line.get("request_id") == "r.1")
    assert (line["trace_id"], line["faces"]) == (TRACE_ID, 1)


def test_a_request_without_a_caller_begins_a_trace(service: Gateway, collector: Collector) -> None:
    service.client.get("/not-there", headers={"traceparent": "00-nonsense-01"})
    (server,) = collector.wait_for("GET unmatched").values()
    assert not server.parent_span_id
    assert len(server.trace_id) == 16


def test_probes_are_not_traced(service: Gateway, collector: Collector) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/version"):
        service.client.get(path)
    collector.wait_for("GET /version")
    assert not [span.name for span in collector.spans if "z" in span.name or "metrics" in span.name]


def test_the_log_is_json_from_the_first_line_to_the_last() -> None:
    with gateway(*NO_MODEL) as running:
        running.client.get("/a%0Ab?key=secret", headers={"X-Request-ID": 'a","status":"200'})
        running.client.get("/healthz")
        end(running)
        lines = lines_of(running)
    messages = [line["message"] for line in lines]
    assert any(message.startswith("Uvicorn running on http://127.0.0.1:") for message in messages)
    assert "Application shutdown complete." in messages
    (request,) = (line for line in lines if line["message"] == "request")
    assert (request["path"], request["status"]) == ("/a%0Ab", 404)
    assert "secret" not in str(lines)


def test_the_log_is_text_if_asked_for_and_quiet_if_asked_for() -> None:
    text = {"FACEDETECT_LOG_FORMAT": "text"}
    with gateway(*NO_MODEL, env=text) as running:
        running.client.get("/nothing")
        end(running)
        assert "[info     ] request [facedetect.service.request_log]" in running.log()
        assert " route=unmatched status=404 " in running.log()
    with gateway(*NO_MODEL, env={**text, "FACEDETECT_LOG_LEVEL": "error"}) as running:
        running.client.get("/nothing")
        end(running)
        assert not running.log()


def test_metrics_are_of_this_process(service: Gateway) -> None:
    before = service.client.get("/metrics").text
    service.client.post("/detect", content=PHOTO, headers=JPEG)
    after = service.client.get("/metrics").text
    name = 'facedetect_requests_total{method="POST",route="/detect",status="200"} '
    assert f"{name}1.0" in after
    assert name not in before
    assert "process_resident_memory_bytes" in after


@contextmanager
def traced_to(endpoint: str, **env: str) -> Iterator[Gateway]:
    with gateway(*NO_MODEL, env={"FACEDETECT_TRACES_ENDPOINT": endpoint, **env}) as running:
        yield running


def test_spans_not_yet_sent_are_sent_at_the_end() -> None:
    with collecting() as collector:
        with traced_to(collector.endpoint, OTEL_BSP_SCHEDULE_DELAY="600000") as running:
            running.client.get("/nothing")
            assert not collector.spans
            end(running)
        assert [span.name for span in collector.spans] == ["GET unmatched"]


def test_a_collector_that_is_away_is_told_in_the_log() -> None:
    env = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
    with traced_to(f"http://127.0.0.1:{free_port()}/v1/traces", **env) as running:
        assert running.client.get("/nothing").status_code == 404
        while not any("span" in line["message"] for line in told_of(running)):
            time.sleep(0.05)
        end(running)


def told_of(running: Gateway) -> list[dict[str, Any]]:
    """Return the complete log lines above level info."""
    lines = running.log().rpartition("\n")[0].splitlines()
    return [line for line in map(json.loads, lines) if line["level"] != "info"]


def test_a_collector_that_says_nothing_holds_up_neither_answers_nor_the_end() -> None:
    env = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "3600"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
        with traced_to(endpoint, **env) as running:
            assert running.client.get("/nothing").status_code == 404
            connection, _ = silent.accept()  # from now on it waits for an answer
            with connection:
                for _ in range(50):
                    assert running.client.get("/nothing").status_code == 404
                end(running)


def test_the_sampler_is_that_of_opentelemetrys_variables() -> None:
    with collecting() as collector:
        with traced_to(collector.endpoint, OTEL_TRACES_SAMPLER="always_off") as running:
            running.client.get("/nothing")
            end(running)
        assert not collector.spans


def test_without_the_extra_the_setting_is_refused() -> None:
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None; sys.argv[1:] = ['serve']; "
        "from facedetect.cli import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"FACEDETECT_TRACES_ENDPOINT": "http://collector:4318/v1/traces"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "pip install 'facedetect[otel]'" in ended.stderr
