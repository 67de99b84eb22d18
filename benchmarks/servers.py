"""Run real model servers and gateways in separate processes, for benchmarks and tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO

import httpx2

from facedetect.model_ref import ModelRef
from facedetect.tfserving.api import ServingError
from facedetect.tfserving.grpc_client import GrpcClient
from facedetect.tfserving.serving_pb2 import ModelVersionStatus

FACEDETECT = Path(sys.executable).with_name("facedetect")
Command = list[str | Path]

# As in deploy/serving/entrypoint.
_FLAGS = [
    "--tensorflow_intra_op_parallelism=1",
    f"--tensorflow_inter_op_parallelism={os.cpu_count()}",
    "--grpc_max_threads=64",
    "--grpc_channel_arguments=grpc.http2.min_ping_interval_without_data_ms=1000",
    "--file_system_poll_wait_seconds=1",
]

TENSORFLOW_SERVING = shutil.which("tensorflow_model_server")


@dataclass
class Server:
    """A server's process, its ports, and its model's name."""

    process: subprocess.Popen[str]
    port: int
    rest_port: int
    name: str

    @property
    def grpc_url(self) -> str:
        return f"grpc://127.0.0.1:{self.port}/{self.name}"

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self.rest_port}/{self.name}"

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()
        self.process.wait()


@contextmanager
def model_server(
    folder: Path | None = None, *options: str, name: str = "mtcnn", port: int = 0
) -> Iterator[Server]:
    """Run `facedetect model-server`, by default with the built-in model."""
    command: Command = [FACEDETECT, "model-server", f"--model_name={name}", f"--port={port}"]
    command += ["--rest_api_port=0", *([f"--model_base_path={folder}"] if folder else []), *options]
    with _ended(subprocess.Popen(command, stderr=subprocess.PIPE, text=True)) as process:
        yield Server(process, *_ports(process), name)


@contextmanager
def tensorflow_serving(source: Path, name: str = "mtcnn") -> Iterator[Server]:
    """Run TensorFlow Serving's binary with a model's folder or a model config file.

    Waits for the model `name`.
    """
    assert TENSORFLOW_SERVING, "tensorflow_model_server is not on PATH"
    port, rest_port = free_port(), free_port()
    command: Command = [TENSORFLOW_SERVING, f"--port={port}", f"--rest_api_port={rest_port}"]
    if source.is_file():
        command += [f"--model_config_file={source}", *_FLAGS]
    else:
        command += [f"--model_name={name}", f"--model_base_path={source.absolute()}", *_FLAGS]
    with _ended(subprocess.Popen(command, text=True)) as process:
        server = Server(process, port, rest_port, name)
        _wait_until_available(server)
        yield server


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        process.wait()


def _ports(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Read the ports from the log."""
    assert process.stderr is not None
    ports: dict[str, int] = {}
    for line in process.stderr:
        found = re.search(r"(gRPC|REST) is listening on .*:(\d+)", line)
        if found:
            ports[found[1]] = int(found[2])
        if len(ports) == 2:  # noqa: PLR2004 - gRPC's and REST's
            threading.Thread(target=_drain, args=[process.stderr], daemon=True).start()
            return ports["gRPC"], ports["REST"]
    process.stderr.close()
    raise RuntimeError(f"the model server exited with {process.wait()}")


def _drain(pipe: IO[str]) -> None:
    """Read to the end, since a full pipe would block the server."""
    with pipe:
        pipe.read()


def _wait_until_available(server: Server) -> None:
    deadline = time.monotonic() + 60
    with closing(GrpcClient(f"127.0.0.1:{server.port}")) as client:
        while time.monotonic() < deadline:
            if server.process.poll() is not None:
                raise RuntimeError(f"TensorFlow Serving exited with {server.process.returncode}")
            with suppress(ServingError):
                statuses = client.status(ModelRef(server.name), timeout_s=5)
                if any(status.state == ModelVersionStatus.AVAILABLE for status in statuses):
                    return
            time.sleep(0.1)
    raise TimeoutError("the model did not become available")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Gateway:
    """A service's process, a client for it, and its log file."""

    process: subprocess.Popen[str]
    client: httpx2.Client
    log_file: Path

    @property
    def url(self) -> str:
        return str(self.client.base_url).rstrip("/")

    def log(self) -> str:
        return self.log_file.read_text("utf-8")


@contextmanager
def gateway(*options: str, env: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """Run `facedetect serve` on a free port; wait until it is alive, but not until it is ready."""
    port = free_port()
    command: Command = [FACEDETECT, "serve", "--port", str(port), *options]
    with ExitStack() as stack:
        log_file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "log"
        log = stack.enter_context(log_file.open("w"))
        process = subprocess.Popen(
            command, env={**os.environ, **(env or {})}, text=True, stdout=log, stderr=log
        )
        stack.enter_context(_ended(process))
        base_url = f"http://127.0.0.1:{port}"
        client = stack.enter_context(httpx2.Client(base_url=base_url, timeout=60))
        try:
            wait_for(client, "/healthz", process)
        except (RuntimeError, TimeoutError) as error:
            raise RuntimeError(f"{error}; its log: {log_file.read_text('utf-8')}") from error
        yield Gateway(process, client, log_file)


def wait_for(client: httpx2.Client, path: str, process: subprocess.Popen[str]) -> None:
    """Wait up to five minutes until a path answers 200: a busy machine starts slowly."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the service exited with {process.returncode}")
        with suppress(httpx2.TransportError):
            if client.get(path).status_code == HTTPStatus.OK:
                return
        time.sleep(0.02)
    raise TimeoutError(f"{path} did not answer")
