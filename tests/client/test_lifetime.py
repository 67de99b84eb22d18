"""Clients that are imported, closed, forked and left open."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from facedetect.client import AsyncClient, Client
from tests.client.servers import silent_server


def run_code(code: str, *arguments: str) -> str:
    """Run a program; return what it prints."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.stderr == ""
    return run.stdout


def test_importing_the_client_loads_nothing_that_it_does_not_need() -> None:
    code = "import facedetect, sys; facedetect.Client, facedetect.AsyncClient; print(*sys.modules)"
    loaded = {name.split(".")[0] for name in run_code(code).split()}
    assert "httpx2" in loaded
    assert not loaded & {
        "tensorflow",
        "grpc",
        "google",
        "fastapi",
        "pydantic",
        "cv2",
        "numpy",
        "PIL",
    }


def test_a_closed_client_says_so(url: str) -> None:
    async def call_closed() -> None:
        client = AsyncClient(url)
        await client.version()
        await client.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await client.version()

    asyncio.run(call_closed())
    client = Client(url)
    client.version()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.version()


def test_closing_ends_a_call_of_another_thread() -> None:
    errors: list[BaseException] = []

    def call(client: Client) -> None:
        try:
            client.detect(b"image")
        except RuntimeError as error:
            errors.append(error)

    with silent_server() as silent:
        client = Client(silent.url)
        thread = threading.Thread(target=call, args=(client,))
        thread.start()
        assert silent.asked.wait(60)
        client.close()
        thread.join(60)
        assert silent.left.wait(60)
    assert "closed" in str(errors[0])


def test_a_client_works_inside_a_running_event_loop(url: str) -> None:
    async def call() -> None:  # as in a notebook
        with Client(url) as client:
            assert client.version().model

    asyncio.run(call())


FORK = """
import os, sys
from facedetect import Client

client = Client(sys.argv[1])
client.version()
child = os.fork()
for _ in range(20):  # were the parent's connection shared, their answers would get mixed up
    assert client.version().model.name == "fake"
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("both")
"""


def test_a_forked_process_has_connections_of_its_own(url: str) -> None:
    assert run_code(FORK, url) == "both\n"


FORGETFUL = """
import sys
from facedetect import Client

client = Client(sys.argv[1])
results = client.detect_batch(b"no image" for _ in range(1000))
print(type(next(results).error).__name__)
"""


def test_a_program_that_closes_nothing_ends_all_the_same(url: str) -> None:
    assert run_code(FORGETFUL, url) == "UnsupportedImage\n"
