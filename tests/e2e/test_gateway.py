"""The service as a gateway: real processes, real model servers, and their failures."""

from __future__ import annotations

import datetime as dt
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from benchmarks.servers import Gateway, free_port, gateway, model_server, wait_for
from facedetect.images import ImageLimits, decode_image
from facedetect.model_server.development_server import ModelServer
from facedetect.model_server.grpc_api import ServerTLS
from facedetect.model_server.versioned_model import VersionedModel
from tests.conftest import ASTRONAUT
from tests.model_server.models import save_half_plus_two
from tests.model_servers import serving

PHOTO = ASTRONAUT.read_bytes()


@contextmanager
def gateway_to(url: str, **env: str) -> Iterator[Gateway]:
    """The timeout suits a busy machine; tests of timeouts set a shorter one."""
    with gateway("--backend", url, env={"FACEDETECT_TIMEOUT_S": "300", **env}) as running:
        running.client.timeout = 400
        yield running


def grpc_url(server: ModelServer) -> str:
    return f"grpc://127.0.0.1:{server.port}/mtcnn"


def rest_url(server: ModelServer) -> str:
    return f"http://127.0.0.1:{server.rest_port}/mtcnn"


def detect(running: Gateway, **query: Any) -> httpx2.Response:
    return running.client.post("/detect", files={"image": PHOTO}, params=query)


def problem(running: Gateway, status: int, slug: str) -> str:
    """Request faces; check that the answer is this problem; return its detail."""
    response = detect(running)
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["type"]) == (status, f"urn:facedetect:problem:{slug}"), body
    return str(body["detail"])


def recovers(running: Gateway) -> None:
    wait_for(running.client, "/readyz", running.process)
    assert len(detect(running).json()["faces"]) == 1


def test_faces_come_through_both_protocols_without_tensorflow(
    builtin_server: ModelServer,
) -> None:
    for url in (grpc_url(builtin_server), rest_url(builtin_server)):
        with gateway_to(url) as running:
            assert resident_mb(running) < 120
            answer = detect(running).json()
            assert len(answer["faces"]) == 1
            assert answer["model"] == {"name": "mtcnn", "version": 1}
            assert resident_mb(running) < 160
            assert running.client.get("/readyz").json()["model"] == answer["model"]
            png = running.client.post(
                "/detect", files={"image": PHOTO}, headers={"Accept": "image/png"}
            )
            assert decode_image(png.content, ImageLimits()).shape == (512, 512, 3)
            maps = Path(f"/proc/{running.process.pid}/maps").read_text()
            assert "tensorflow" not in maps


def resident_mb(running: Gateway) -> float:
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    (kilobytes,) = (int(x.split()[1]) for x in status.splitlines() if x.startswith("VmRSS"))
    return kilobytes / 1024


def test_what_a_gateway_imports_has_no_tensorflow_and_sends_no_spans() -> None:
    code = (
        "import sys; from facedetect.service import create_app; from facedetect.settings import "
        "ServiceSettings; settings = ServiceSettings.load(backend='grpc://localhost:1/mtcnn'); "
        "create_app(settings, settings.open_detector()); print(*sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    modules = set(ended.stdout.split())
    packages = {name.split(".")[0] for name in modules}
    assert {"grpc", "prometheus_client"} <= packages
    assert not packages & {"tensorflow", "tensorflow_serving", "safetensors", "keras"}
    assert not modules & {"opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"}


def test_a_version_and_a_label_are_chosen_by_the_request(
    simple_model: Path, tmp_path: Path
) -> None:
    for version in ("1", "2"):
        shutil.copytree(simple_model / "1", tmp_path / version)
    model = VersionedModel("mtcnn", tmp_path, set, {"stable": 1, "canary": 2})
    with serving(model) as server, gateway_to(grpc_url(server)) as running:
        answered = {
            str(query): detect(running, **query).json()["model"]["version"]
            for query in (
                {},
                {"model_version": 1},
                {"model_label": "stable"},
                {"model_label": "canary"},
            )
        }
        assert list(answered.values()) == [2, 1, 1, 2]
        for query in ({"model_version": 9}, {"model_label": "none"}):
            assert detect(running, **query).json()["type"].endswith("model-not-found")
        both = detect(running, model_version=1, model_label="stable")
        assert both.json()["type"].endswith("invalid-params")
        for query in ({"model_version": 10**20}, {"model_label": ".."}):
            assert detect(running, **query).json()["type"].endswith("invalid-params")
        with gateway_to(f"{grpc_url(server)}?label=stable") as pinned:
            assert pinned.client.get("/readyz").json()["model"]["version"] == 1
            assert detect(pinned).json()["model"]["version"] == 1


def test_a_server_that_is_down_at_the_start_is_used_once_it_is_there(simple_model: Path) -> None:
    port = free_port()
    with gateway_to(f"grpc://127.0.0.1:{port}/mtcnn") as running:
        assert "cannot be reached" in problem(running, 503, "backend-unavailable")
        assert running.client.get("/readyz").status_code == 503
        assert running.client.get("/healthz").status_code == 200
        assert running.client.get("/version").json()["model"] is None
        with serving(VersionedModel("mtcnn", simple_model), port=port):
            recovers(running)


def test_a_server_that_hangs_and_one_that_dies_are_told_and_used_again(simple_model: Path) -> None:
    """The built-in model, served by `facedetect model-server`."""
    with model_server() as first:
        # gRPC's pings also notice it after a few seconds.
        with gateway_to(first.grpc_url, FACEDETECT_TIMEOUT_S="3") as running:
            wait_for(running.client, "/readyz", running.process)
            first.process.send_signal(signal.SIGSTOP)
            detail = problem(running, 504, "backend-timeout")
            assert "did not answer before the deadline" in detail
            assert running.client.get("/healthz").status_code == 200
            first.process.send_signal(signal.SIGCONT)
            while (answer := detect(running)).status_code != 200:
                assert answer.status_code in {503, 504}
            assert len(answer.json()["faces"]) == 1
        with gateway_to(first.grpc_url) as running:
            assert len(detect(running).json()["faces"]) == 1
            first.process.send_signal(signal.SIGSTOP)  # so that the call is certainly in progress
            with ThreadPoolExecutor(1) as pool:
                call = pool.submit(detect, running)
                time.sleep(0.5)
                first.kill()
                answer = call.result()
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:facedetect:problem:backend-unavailable"
            with serving(VersionedModel("mtcnn", simple_model), port=first.port):
                recovers(running)


@contextmanager
def silent_server() -> Iterator[str]:
    """Accepts connections but never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"127.0.0.1:{silent.getsockname()[1]}"


def test_a_model_that_cannot_find_faces_is_not_ready(tmp_path: Path) -> None:
    save_half_plus_two(tmp_path / "mtcnn" / "1")
    with (
        serving(VersionedModel("mtcnn", tmp_path / "mtcnn")) as server,
        gateway_to(grpc_url(server)) as running,
    ):
        assert "lacks the input min_size" in problem(running, 503, "backend-unavailable")
        ready = running.client.get("/readyz")
        assert ready.status_code == 503
        assert "lacks the input min_size" in ready.json()["detail"]
        while "the model is not ready" not in running.log():
            time.sleep(0.05)
        assert "`facedetect convert` builds a suitable model" in running.log()


def test_more_threads_than_the_server_has_lose_no_request(simple_model: Path) -> None:
    with (
        serving(VersionedModel("mtcnn", simple_model), max_calls=1) as server,
        gateway_to(grpc_url(server), FACEDETECT_THREADS="8") as running,
        ThreadPoolExecutor(16) as pool,
    ):
        wait_for(running.client, "/readyz", running.process)
        answers = list(pool.map(lambda _: detect(running).status_code, range(48)))
    assert answers == [200] * 48


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def write_certificate(authority: trustme.CA, folder: Path, *, valid_days: int) -> ServerTLS:
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=valid_days)
    certificate = authority.issue_cert(
        "127.0.0.1", not_before=until - dt.timedelta(days=90), not_after=until
    )
    key, chain = folder / "key.pem", folder / "cert.pem"
    certificate.private_key_pem.write_to_path(key)
    with chain.open("wb") as file:
        for blob in certificate.cert_chain_pems:
            file.write(blob.bytes())
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return ServerTLS(chain, key)


def test_tls_is_trusted_by_the_authority_given(
    authority: trustme.CA, simple_model: Path, tmp_path: Path
) -> None:
    tls = write_certificate(authority, tmp_path, valid_days=30)
    with serving(VersionedModel("mtcnn", simple_model), tls=tls) as server:
        url = f"grpcs://127.0.0.1:{server.port}/mtcnn"
        with gateway_to(f"{url}?ca_file={tmp_path / 'ca.pem'}") as running:
            assert len(detect(running).json()["faces"]) == 1
        with gateway_to(url) as running:
            assert "cannot be reached" in problem(running, 503, "backend-unavailable")
            assert "CERTIFICATE_VERIFY_FAILED" in running.log()


def test_an_expired_certificate_is_told(authority: trustme.CA, tmp_path: Path) -> None:
    tls = write_certificate(authority, tmp_path, valid_days=-1)
    with serving(VersionedModel("mtcnn", tmp_path / "none"), tls=tls) as server:
        url = f"grpcs://127.0.0.1:{server.port}/mtcnn?ca_file={tmp_path / 'ca.pem'}"
        with gateway_to(url) as running:
            assert "cannot be reached" in problem(running, 503, "backend-unavailable")
            assert "certificate has expired" in running.log()


def test_a_stop_while_the_server_hangs_does_not_wait_for_it() -> None:
    with silent_server() as place, gateway_to(f"grpc://{place}/mtcnn") as running:
        running.process.terminate()
        running.process.wait(200)
