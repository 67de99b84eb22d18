"""An S3 server in a separate process."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3  # type: ignore[import-untyped]

_MOTO = Path(sys.executable).with_name("moto_server")
_START_S = 30.0


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Run moto's server with the bucket `photos`; yield the variables that point to it."""
    port = _free_port()
    command = [str(_MOTO), "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            where = {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            client = boto3.client(
                "s3",
                endpoint_url=where["AWS_ENDPOINT_URL"],
                aws_access_key_id="key",
                aws_secret_access_key="secret",  # noqa: S106 - not a real secret
                region_name="us-east-1",
            )
            client.create_bucket(Bucket="photos")
            yield where
        finally:
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    end = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
