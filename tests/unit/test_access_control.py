"""The service with API keys and rate limits."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.errors import InvalidSettings
from facedetect.service import create_app
from facedetect.service.rate_limits import parse_rate_limit
from facedetect.settings import ServiceSettings
from tests.live import live
from tests.unit.keys import another_secret, new_key
from tests.unit.service import JPEG, PHOTO, MakeClient, problem
from tests.unit.timing import Clock

IMAGE_CALLS = ["/detect", "/detect/batch", "/annotate"]
FREE_CALLS = ["/healthz", "/readyz", "/", "/docs", "/openapi.json"]
FREE_CALLS += ["/v1/status/ping", "/v1/server/status/ping"]
FREE_POSTS = ["/v1/vision/face/list", "/v1/vision/custom/list"]


@pytest.fixture
def guarded(make_client: MakeClient, backend: FakeBackend, keys_file: Path, key: str) -> TestClient:
    assert key
    return make_client(backend, keys_file=keys_file)


def test_calls_without_a_key_are_refused(guarded: TestClient) -> None:
    for path in IMAGE_CALLS:
        response = guarded.post(path, files={"image": PHOTO})
        assert "missing API key" in problem(response, 401, "unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"
    for path in ("/version", "/metrics"):
        problem(guarded.get(path), 401, "unauthorized")


def test_what_machines_and_the_page_need_is_free(guarded: TestClient) -> None:
    for path in FREE_CALLS:
        assert guarded.get(path).status_code == 200, path


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_a_key_opens_every_call(guarded: TestClient, header: str, key: str) -> None:
    headers = {header: key if header == "X-API-Key" else f"bearer {key}"}
    for path in IMAGE_CALLS:
        response = guarded.post(path, files={"image": PHOTO}, headers=headers)
        assert response.status_code == 200, response.text
    for path in ("/version", "/metrics"):
        assert guarded.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "fd_00000000_" + 40 * "0"},
        {"X-API-Key": "secret\xe9"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic Zm9vOmJhcg=="},
        {"Authorization": "Bearer ", "X-API-Key": ""},
    ],
)
def test_other_words_are_no_key(guarded: TestClient, headers: dict[str, str]) -> None:
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    response = guarded.get("/version", headers=raw)
    problem(response, 401, "unauthorized")


def test_a_key_in_the_query_is_none(guarded: TestClient, key: str) -> None:
    problem(guarded.get(f"/version?api_key={key}"), 401, "unauthorized")


def test_the_body_of_an_unauthorized_request_is_not_read(keys_file: Path, key: str) -> None:
    assert key
    app = create_app(ServiceSettings.load(keys_file=keys_file), Detector(FakeBackend()))
    answered: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        answered.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/detect",
        "raw_path": b"/detect",
        "query_string": b"min_size=wrong",
        "headers": [(b"content-type", b"image/jpeg")],
        "state": {},
    }
    asyncio.run(app(scope, receive, send))
    assert answered[0]["status"] == 401


def test_deepstacks_call_takes_the_key_from_its_form(guarded: TestClient, key: str) -> None:
    def call(**options: Any) -> Any:
        return guarded.post("/v1/vision/face", files={"image": PHOTO}, **options)

    assert call(data={"api_key": key}).json()["success"]
    assert call(headers={"X-API-Key": key}).json()["success"]
    for refused in (call(), call(data={"api_key": another_secret(key)})):
        assert refused.status_code == 401
        assert refused.json()["success"] is False
        assert "API key" in refused.json()["error"]
    wrong_header = call(data={"api_key": key}, headers={"X-API-Key": another_secret(key)})
    assert wrong_header.status_code == 401


def test_metrics_may_be_open(
    make_client: MakeClient, backend: FakeBackend, keys_file: Path, key: str
) -> None:
    assert key
    client = make_client(backend, keys_file=keys_file, open_metrics=True)
    assert client.get("/metrics").status_code == 200
    assert client.get("/version").status_code == 401


def test_the_log_has_the_name_and_never_the_key(
    guarded: TestClient, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for shown in (key, another_secret(key)):
        guarded.post("/detect", files={"image": PHOTO}, headers={"X-API-Key": shown})
        guarded.post("/detect", files={"image": PHOTO}, headers={"X-API-Key": f"{shown}x"})
    told = "\n".join(str(vars(record)) for record in caplog.records)
    assert "camera" in told
    assert key[12:] not in told
    assert 40 * "0" not in told


def test_openapi_says_which_calls_need_a_key(guarded: TestClient, client: TestClient) -> None:
    document = guarded.get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert {(scheme["type"], scheme.get("name")) for scheme in schemes.values()} == {
        ("apiKey", "X-API-Key"),
        ("http", None),
    }
    either: list[dict[str, list[str]]] = [{name: []} for name in schemes]
    for path, calls in document["paths"].items():
        for call in calls.values():
            assert call.get("security") == (None if path in FREE_CALLS + FREE_POSTS else either), (
                path
            )
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]


def test_a_service_does_not_start_without_its_keys(keys_file: Path) -> None:
    with pytest.raises(InvalidSettings, match="facedetect keys add"):
        create_app(ServiceSettings.load(keys_file=keys_file), Detector(FakeBackend()))


def test_a_service_whose_file_is_empty_says_so(
    keys_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys_file.touch()
    create_app(ServiceSettings.load(keys_file=keys_file), Detector(FakeBackend()))
    assert "contains no API keys" in caplog.text


def post(client: TestClient, **headers: str) -> Any:
    return client.post("/detect", content=PHOTO, headers={**JPEG, **headers})


def test_each_key_has_its_own_count(
    make_client: MakeClient, backend: FakeBackend, keys_file: Path, key: str
) -> None:
    special = new_key(keys_file, "special", rate_limit="5/hour")
    other = new_key(keys_file, "door")
    client = make_client(backend, keys_file=keys_file, rate_limit="2/hour")
    for shown, allowed in ((key, 2), (special, 5), (other, 2)):
        headers = {"X-API-Key": shown}
        statuses = [post(client, **headers).status_code for _ in range(allowed + 1)]
        assert statuses == [200] * allowed + [429]
        assert client.get("/version", headers=headers).status_code == 200


def test_callers_without_a_key_are_counted_by_their_address(
    make_client: MakeClient, backend: FakeBackend
) -> None:
    app = make_client(backend, rate_limit="1/hour").app

    async def addressed(scope: Any, receive: Any, send: Any) -> None:
        """Have requests come from the address that a header says."""
        for name, value in scope.get("headers", ()):
            if name == b"from":
                scope["client"] = (value.decode(), 1)
        await app(scope, receive, send)

    addresses = {
        "10.0.0.1": 200,
        "10.0.0.2": 200,
        "2001:db8::1": 200,
        "2001:db8::ffff": 429,  # the same network
        "2001:db8:0:1::1": 200,
        "fe80::1%eth0": 200,
        "::ffff:192.0.2.1": 200,
        "::ffff:192.0.2.2": 200,  # not a network, but IPv4
        "no:address": 200,  # as a proxy may send
    }
    with TestClient(addressed) as client:
        answers = {address: post(client, From=address).status_code for address in addresses}
    assert answers == addresses


@pytest.mark.parametrize(
    ("trusted", "statuses"),
    [("", [200, 429]), ("192.0.2.1", [200, 429]), ("127.0.0.0/8,::1", [200, 200])],
)
def test_a_forwarded_address_counts_from_trusted_proxies_only(
    monkeypatch: pytest.MonkeyPatch, trusted: str, statuses: list[int]
) -> None:
    monkeypatch.setenv("FACEDETECT_TRUSTED_PROXIES", trusted)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable, which must be ignored
    with live(FakeBackend(), rate_limit="1/hour") as service:
        answers = [
            service.client.post(
                "/detect", content=PHOTO, headers={**JPEG, "X-Forwarded-For": address}
            )
            for address in ("198.51.100.1", "198.51.100.2")
        ]
    assert [answer.status_code for answer in answers] == statuses


def test_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("*", "proxy.example", "10.0.0.1/8"):
        monkeypatch.setenv("FACEDETECT_TRUSTED_PROXIES", wrong)
        with pytest.raises(InvalidSettings, match="not an address or a network; write it as"):
            ServiceSettings.load()


def test_retry_after_is_true(
    make_client: MakeClient, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("time.time", clock)  # the rate limit library accepts no other clock
    client = make_client(backend, rate_limit="3/second;100/hour")
    for _ in range(2):
        for _ in range(20):
            response = post(client)
            if response.status_code == 429:
                break
        assert "retry in 1 s" in problem(response, 429, "rate-limited")
        clock.advance(int(response.headers["retry-after"]) + 0.01)  # a request takes some time
        assert post(client).status_code == 200


@given(st.text() | st.from_regex(r"[0-9]{1,3}(/| per )[0-9]?(second|minutes|day)(;.*)?"))
def test_words_are_a_limit_or_are_refused(words: str) -> None:
    with suppress(ValueError):
        assert all(limit.amount >= 1 for limit in parse_rate_limit(words))


def test_a_limit_that_cannot_be_read_stops_the_start() -> None:
    for words in ("often", "0/minute", "5/fortnight", ""):
        with pytest.raises(InvalidSettings, match=r"FACEDETECT_RATE_LIMIT: invalid rate limit"):
            create_app(ServiceSettings.load(rate_limit=words), Detector(FakeBackend()))
