"""Security headers, CORS, origins and hosts; public addresses and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from facedetect.backends.fake import FakeBackend
from facedetect.errors import InvalidSettings
from facedetect.settings import ServiceSettings
from tests.fake import raising
from tests.unit.service import JPEG, PHOTO, MakeClient, problem

SITE = "https://app.example"
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def detect(client: TestClient, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/detect", content=PHOTO, headers={**JPEG, **named})


def directives(response: Any) -> dict[str, str]:
    policy = response.headers["content-security-policy"]
    return dict(directive.split(" ", 1) for directive in policy.split("; "))


# Security headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/page/base.css", 200),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/docs", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/detect", 405),
        ("POST", "/detect", 400),
    ],
)
def test_every_answer_has_the_headers(
    client: TestClient, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    policy = directives(response)
    assert policy["default-src"] == "'self'"
    assert {policy[name] for name in ("object-src", "base-uri", "frame-ancestors")} == {"'none'"}
    scripts = policy.get("script-src", policy["default-src"])
    assert ("'unsafe-inline'" in scripts) == (path == "/docs")


def test_the_answer_to_a_bug_has_them_too(make_client: MakeClient) -> None:
    backend = FakeBackend()
    client = make_client(backend, cors_origins=SITE)
    backend.respond = raising(ZeroDivisionError())
    response = detect(client, Origin=SITE)
    problem(response, 500, "internal")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["access-control-allow-origin"] == SITE


def test_faces_are_kept_in_no_cache(client: TestClient) -> None:
    for response in (detect(client), client.post("/annotate", content=PHOTO, headers=JPEG)):
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
    assert detect(client, Content_Type="text/plain").headers["cache-control"] == "no-store"


# Origins


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": SITE},
        {"Origin": SITE},
        {"Origin": "null"},
        {"Origin": "http://testserver:8001"},
        {"Origin": "http://testserver", "Sec_Fetch_Site": "cross-site"},
    ],
)
def test_pages_of_other_sites_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    assert "FACEDETECT_CORS_ORIGINS" in problem(detect(client, **headers), 403, "forbidden")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "https://behind-a-proxy.example"},
        {"Origin": "http://testserver"},
        {"Origin": "http://TestServer"},
    ],
)
def test_programs_and_our_own_page_are_not(client: TestClient, headers: dict[str, str]) -> None:
    assert detect(client, **headers).status_code == 200


def test_deepstacks_call_asks_where_a_page_is_from(client: TestClient) -> None:
    headers = {"Origin": SITE}
    response = client.post("/v1/vision/face", files={"image": PHOTO}, headers=headers)
    assert response.status_code == 403


def test_sites_that_are_named_may_call_and_read(
    make_client: MakeClient, backend: FakeBackend, keys_file: Path, key: str
) -> None:
    client = make_client(
        backend, cors_origins=f"http://b.example:3000, {SITE}", keys_file=keys_file
    )
    asked = {
        "Origin": SITE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-api-key",
    }
    preflight = client.options("/detect", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == SITE
    assert "access-control-allow-credentials" not in preflight.headers
    answer = detect(client, Origin=SITE, Sec_Fetch_Site="cross-site", X_API_Key=key)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["vary"] == "Origin"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Retry-After", "X-Request-ID"} <= set(exposed)
    refused = detect(client, Origin=SITE)
    problem(refused, 401, "unauthorized")
    assert refused.headers["access-control-allow-origin"] == SITE


def test_other_sites_may_not(make_client: MakeClient, backend: FakeBackend) -> None:
    client = make_client(backend, cors_origins=SITE)
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = client.options("/detect", headers=asked)
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers
    problem(detect(client, Origin="https://evil.example"), 403, "forbidden")


def test_a_page_that_is_refused_may_read_why(client: TestClient) -> None:
    refused = detect(client, Origin="https://evil.example", Sec_Fetch_Site="cross-site")
    assert "FACEDETECT_CORS_ORIGINS" in problem(refused, 403, "forbidden")
    assert refused.headers["access-control-allow-origin"] == "https://evil.example"
    assert refused.headers["vary"] == "Origin"
    unnamed = detect(client, Sec_Fetch_Site="cross-site")
    assert "access-control-allow-origin" not in unnamed.headers


def test_pages_that_may_call_read_every_refusal(
    make_client: MakeClient, backend: FakeBackend
) -> None:
    settings = {"max_image_bytes": 50_000, "rate_limit": "2/hour", "allowed_hosts": "testserver"}
    client = make_client(backend, cors_origins=SITE, **settings)
    refused = [detect(client, Origin=SITE, Host="evil.example")]
    refused += [detect(client, Origin=SITE) for _ in range(3)]
    assert [response.status_code for response in refused] == [403, 413, 413, 429]
    assert {response.headers["access-control-allow-origin"] for response in refused} == {SITE}
    assert "Retry-After" in refused[-1].headers["access-control-expose-headers"]


def test_a_star_is_every_site_without_its_cookies(
    make_client: MakeClient, backend: FakeBackend
) -> None:
    answer = detect(make_client(backend, cors_origins="*"), Origin=SITE)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_without_the_setting_no_page_may_read(client: TestClient) -> None:
    response = client.get("/version", headers={"Origin": SITE})
    assert "access-control-allow-origin" not in response.headers


# Hosts


def test_only_hosts_that_are_named_are_served(
    make_client: MakeClient, backend: FakeBackend
) -> None:
    client = make_client(backend, allowed_hosts="Faces.example, ::1")
    for host in ("faces.example", "FACES.example:8000", "[::1]:8000"):
        assert detect(client, Host=host).status_code == 200, host
    for host in ("evil.example", "faces.example.evil.example", "[", ""):
        for response in (detect(client, Host=host), client.get("/version", headers={"Host": host})):
            assert "FACEDETECT_ALLOWED_HOSTS" in problem(response, 403, "forbidden")
    # Probes call addresses.
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200


# Settings


def test_lists_have_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDETECT_CORS_ORIGINS", f" {SITE}, http://localhost:3000 ,")
    monkeypatch.setenv("FACEDETECT_ALLOWED_HOSTS", "Faces.Example")
    settings = ServiceSettings.load()
    assert settings.cors_origins == (SITE, "http://localhost:3000")
    assert settings.allowed_hosts == ("faces.example",)


@pytest.mark.parametrize("origin", ["app.example", f"{SITE}/", f"{SITE}/page", "null", "https://"])
def test_an_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(InvalidSettings, match="is not an origin; write https://HOST"):
        ServiceSettings.load(cors_origins=f"{SITE},{origin}")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_may_be_served_without_keys(host: str) -> None:
    ServiceSettings.load(host=host).require_keys_on_public_host()


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "", "192.168.1.5", "faces.example", "127.0.0.1.x"],  # noqa: S104
)
def test_others_may_not_unless_somebody_says_so(host: str) -> None:
    with pytest.raises(InvalidSettings, match=r"facedetect keys add .*--without-keys"):
        ServiceSettings.load(host=host).require_keys_on_public_host()
    ServiceSettings.load(host=host, without_keys=True).require_keys_on_public_host()
    ServiceSettings.load(host=host, keys_file=Path("keys")).require_keys_on_public_host()


def test_with_and_without_keys_is_a_contradiction() -> None:
    settings = ServiceSettings.load(keys_file=Path("keys"), without_keys=True)
    with pytest.raises(InvalidSettings, match="unset one of them"):
        settings.require_keys_on_public_host()
