"""The log: one line per request, its id on all of its lines, and no secrets."""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facedetect.backends.fake import FakeBackend
from facedetect.cli.logs import make_formatter
from facedetect.service.keys.key_file import read_keys
from facedetect.service.request_log import RequestLog
from facedetect.service.service_metrics import ServiceMetrics
from facedetect.settings import ServiceSettings
from tests.fake import after, raising
from tests.unit.monitoring import LogLines, number, parse_lines
from tests.unit.service import JPEG, PHOTO, MakeClient

LOGGER = logging.getLogger("facedetect")


@pytest.fixture
def log() -> Iterator[LogLines]:
    """What is logged from INFO on, as the service writes it in JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(make_formatter(as_json=True))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    yield lambda: parse_lines(stream.getvalue())
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(logging.NOTSET)


def requests_in(log: LogLines) -> list[dict[str, Any]]:
    return [line for line in log() if line["message"] == "request"]


def test_a_request_is_one_line_with_all_of_it(client: TestClient, log: LogLines) -> None:
    response = client.post("/detect", content=PHOTO, headers=JPEG)
    (line,) = requests_in(log)
    assert line["level"] == "info"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", line["timestamp"])
    assert (line["method"], line["route"], line["status"]) == ("POST", "/detect", 200)
    assert line["request_id"] == response.headers["x-request-id"]
    assert line["client"] == "testclient"
    assert line["bytes_in"] == len(PHOTO)
    assert line["bytes_out"] == len(response.content)
    assert line["faces"] == 1
    stages = [line[f"{stage}_ms"] for stage in ("upload", "queue", "decode", "predict")]
    assert 0 < sum(stages) <= line["duration_ms"]
    assert "path" not in line
    assert "problem" not in line


def test_head_keeps_its_method_and_has_the_route_of_get(client: TestClient, log: LogLines) -> None:
    client.head("/version")
    (line,) = requests_in(log)
    assert (line["method"], line["route"], line["status"]) == ("HEAD", "/version", 200)


def test_a_batch_has_the_sums_of_its_images(client: TestClient, log: LogLines) -> None:
    files = [("image", PHOTO), ("image", b"text"), ("image", PHOTO)]
    client.post("/detect/batch", files=files)
    (line,) = requests_in(log)
    assert (line["images"], line["faces"], line["problem"]) == (2, 2, "unsupported-image")


def test_problems_are_named(client: TestClient, log: LogLines) -> None:
    client.post("/detect?min_size=2", content=PHOTO, headers=JPEG)
    client.get("/wp-login.php?password=secret")
    refused, unknown = requests_in(log)
    assert (refused["status"], refused["problem"]) == (422, "invalid-params")
    assert (unknown["status"], unknown["route"]) == (404, "unmatched")
    assert unknown["path"] == "/wp-login.php"


def test_keys_and_queries_are_not_logged(client: TestClient, log: LogLines) -> None:
    headers = {**JPEG, "X-API-Key": "secret-1", "Authorization": "Bearer secret-2"}
    client.post("/detect?api_key=secret-3", content=PHOTO, headers=headers)
    client.get("/secret?token=secret-4#secret-5")
    text = str(log())
    assert len(requests_in(log)) == 2
    assert "secret-" not in text


def test_the_caller_is_named_and_the_key_is_not(
    make_client: MakeClient, backend: FakeBackend, keys_file: Path, key: str, log: LogLines
) -> None:
    client = make_client(backend, keys_file=keys_file)
    client.post("/detect", content=PHOTO, headers={**JPEG, "X-API-Key": key})
    client.post("/detect", content=PHOTO, headers={**JPEG, "X-API-Key": f"{key}x"})
    known, unknown = requests_in(log)
    (name,) = {record.name for record in read_keys(keys_file)}
    assert (known["status"], known["caller"]) == (200, name)
    assert (unknown["status"], unknown["problem"]) == (401, "unauthorized")
    assert "caller" not in unknown
    assert key not in str(log())


def test_probes_and_metrics_are_logged_at_debug_only(client: TestClient, log: LogLines) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code == 200
    assert not requests_in(log)
    LOGGER.setLevel(logging.DEBUG)
    client.get("/healthz")
    (line,) = requests_in(log)
    assert (line["level"], line["route"]) == ("debug", "/healthz")


@pytest.mark.parametrize("given", ["a", "0" * 64, "f3b1-22.x_Y"])
def test_a_valid_request_id_is_kept(client: TestClient, log: LogLines, given: str) -> None:
    response = client.get("/nothing", headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] == given
    assert requests_in(log)[0]["request_id"] == given


@pytest.mark.parametrize("given", ["", "0" * 65, "a b", 'a"b', "é", "a\tb", None])
def test_any_other_id_is_replaced(client: TestClient, given: str | None) -> None:
    headers = [] if given is None else [(b"X-Request-ID", given.encode())]
    ids = {client.get("/nothing", headers=headers).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}", made) for made in ids)


def test_every_line_within_a_request_has_its_id(make_client: MakeClient, log: LogLines) -> None:
    backend = FakeBackend()
    client = make_client(backend)
    backend.respond = after(lambda: LOGGER.warning("deep in a thread"))
    files = [("image", PHOTO), ("image", PHOTO)]
    client.post("/detect", files={"image": PHOTO}, headers={"X-Request-ID": "one"})
    client.post("/detect/batch", files=files, headers={"X-Request-ID": "two"})
    LOGGER.warning("outside")
    ids = [line.get("request_id") for line in log() if line["level"] == "warning"]
    assert ids == ["one", "two", "two", None]


def test_a_bug_has_an_id_in_answer_and_log(make_client: MakeClient, log: LogLines) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    backend = FakeBackend()
    client = make_client(backend)
    backend.respond = after(fail)
    response = client.post("/detect", content=PHOTO, headers={**JPEG, "X-Request-ID": "it"})
    assert (response.status_code, response.headers["x-request-id"]) == (500, "it")
    (line,) = requests_in(log)
    assert (line["status"], line["request_id"]) == (500, "it")
    call = {"method": "POST", "route": "/detect", "status": "500"}
    assert number(client, "facedetect_requests_total", **call) == 1


def test_the_server_sees_a_bug_too(make_client: MakeClient) -> None:
    """uvicorn logs its traceback."""
    backend = FakeBackend()
    app = make_client(backend).app
    backend.respond = raising(ZeroDivisionError())
    with TestClient(app) as client, pytest.raises(ZeroDivisionError):
        client.post("/detect", content=PHOTO, headers=JPEG)


def run_app(app: ASGIApp, *messages: Message) -> dict[str, Any]:
    """Send one request to an app behind the log; return the labels that it was counted with."""
    metrics = ServiceMetrics()
    left = list(messages)

    async def receive() -> Message:
        return left.pop(0)

    async def send(_: Message) -> None:
        pass

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [], "raw_path": b"/x"}
    asyncio.run(RequestLog(app, metrics, None)(scope, receive, send))
    families = metrics.registry.collect()
    (counted,) = (family for family in families if family.name == "facedetect_requests")
    return next(sample.labels for sample in counted.samples if sample.name.endswith("_total"))


START = {"type": "http.response.start", "status": 400, "headers": []}


async def answer_after_reading(_: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    while message["type"] == "http.request" and message.get("more_body"):
        message = await receive()
    await send(START)
    await receive()


async def answer_nothing(_: Scope, __: Receive, ___: Send) -> None:
    pass


def test_a_disconnect_is_not_a_bad_request() -> None:
    body = {"type": "http.request", "body": b"x", "more_body": True}
    end, gone = {"type": "http.request", "body": b""}, {"type": "http.disconnect"}
    assert run_app(answer_after_reading, body, gone, gone)["status"] == "499"
    assert run_app(answer_after_reading, body, end, gone)["status"] == "400"


def test_no_answer_is_a_500() -> None:
    assert run_app(answer_nothing)["status"] == "500"


def formatted(*, as_json: bool, level: int = logging.ERROR, **fields: Any) -> str:
    record = LOGGER.makeRecord("facedetect.x", level, "x.py", 1, **fields)
    return make_formatter(as_json=as_json).format(record)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "evil", ["\n", "\r", "\x1b[2J", "\x00", "\x85", "\u2028", "\u202e", "\x7f"]
)
def test_nothing_that_clients_send_starts_a_line(as_json: bool, evil: str) -> None:
    text = f"one{evil}two"
    written = formatted(
        as_json=as_json, msg=text, args=(), exc_info=None, extra={"path": text, "caller": text}
    )
    assert len(written.splitlines()) == 1
    assert as_json or written.isprintable()
    assert written.count("two") == 3


def test_a_traceback_is_text_in_one_line_of_json() -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("a\nb")
    info = (caught.type, caught.value, caught.tb)
    (line,) = parse_lines(formatted(as_json=True, msg="it %s", args=("failed",), exc_info=info))
    assert line["message"] == "it failed"
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert "ValueError: invalid literal" in line["exception"]
    first, *rest = formatted(as_json=False, msg="bad", args=(), exc_info=info).splitlines()
    assert "bad" in first
    assert len(rest) > 3
    assert all(indented.startswith("    ") for indented in rest)


def test_levels_may_be_written_in_capitals() -> None:
    assert ServiceSettings.load(log_level="WARNING").log_level == "warning"
