"""An asynchronous client for threads without a loop: closing, forks, and the interpreter's exit."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from facedetect.background_loop import BackgroundLoop, ClientClosed, wait_for


class SlowClient:
    """Records the thread it is closed in, and whether its call was cancelled."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.asked = threading.Event()
        self.was_cancelled = threading.Event()
        self.closed_in: threading.Thread | None = None

    async def get_process(self) -> int:
        return self.process

    async def get_thread(self) -> threading.Thread:
        return threading.current_thread()

    async def fail(self) -> None:
        raise ZeroDivisionError

    async def hang(self) -> None:
        self.asked.set()
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            self.was_cancelled.set()
            raise

    async def aclose(self) -> None:
        self.closed_in = threading.current_thread()


@pytest.fixture
def client() -> SlowClient:
    return SlowClient()


@pytest.fixture
def loop(client: SlowClient) -> BackgroundLoop[SlowClient]:
    return BackgroundLoop(lambda: client)


def test_calls_of_several_threads_run_side_by_side(loop: BackgroundLoop[SlowClient]) -> None:
    meeting = asyncio.Barrier(8)

    async def meet(_: SlowClient) -> bool:
        async with asyncio.timeout(60):
            await meeting.wait()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: loop.run(meet), range(8)))
    loop.close()


def test_errors_of_calls_are_raised(loop: BackgroundLoop[SlowClient]) -> None:
    with pytest.raises(ZeroDivisionError):
        loop.run(SlowClient.fail)
    loop.close()


def test_errors_of_opening_are_raised_at_once() -> None:
    with pytest.raises(ZeroDivisionError):
        BackgroundLoop(lambda: 1 / 0)  # type: ignore[type-var]


def test_closing_ends_calls_in_flight_and_the_thread(
    loop: BackgroundLoop[SlowClient], client: SlowClient
) -> None:
    thread = loop.run(SlowClient.get_thread)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(loop.run, SlowClient.hang)
        assert client.asked.wait(60)
        loop.close()
        with pytest.raises(ClientClosed, match="closed during the call"):
            call.result(60)
    assert client.was_cancelled.is_set()
    assert client.closed_in is thread
    assert not thread.is_alive()
    loop.close()  # once more changes nothing
    with pytest.raises(ClientClosed, match="is closed"):
        loop.run(SlowClient.get_process)


def test_a_call_that_is_no_longer_waited_for_is_cancelled(
    loop: BackgroundLoop[SlowClient], client: SlowClient
) -> None:
    call = loop.submit(SlowClient.hang)
    assert client.asked.wait(60)
    call.cancel()
    assert client.was_cancelled.wait(60)
    loop.close()


def test_an_interrupted_wait_cancels_its_call() -> None:
    class Interrupted(Future[None]):
        def result(self, timeout: float | None = None) -> None:  # noqa: ARG002
            raise KeyboardInterrupt

    future = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        wait_for(future)
    assert future.cancelled()


def test_an_object_that_is_dropped_unclosed_ends_its_thread(client: SlowClient) -> None:
    loop = BackgroundLoop(lambda: client)
    thread = loop.run(SlowClient.get_thread)
    del loop
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()
    assert client.closed_in is thread


def run_code(code: str) -> str:
    """Run a program that begins with this module's names; return what it prints."""
    run = subprocess.run(
        [sys.executable, "-c", f"from tests.unit.test_background_loop import *\n{code}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.stderr == ""
    return run.stdout


FORK = """
def fork(name):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        return
    with ThreadPoolExecutor(4) as pool:  # each may be the first to call
        found = set(pool.map(lambda _: loop.run(SlowClient.get_process), range(4)))
    assert found == {os.getpid()}, found
    print(name, flush=True)
    if name != "unclosed":
        loop.close()
    sys.exit()

def fork_under_lock(client):
    fork("locked")
    return client.get_process()

loop = BackgroundLoop(SlowClient)
fork("unused")
assert loop.run(SlowClient.get_process) == os.getpid()
fork("used")
fork("unclosed")
assert loop.run(fork_under_lock) == os.getpid()
loop.close()
if not os.fork():
    try:
        loop.run(SlowClient.get_process)
    except ClientClosed:
        print("closed", flush=True)
else:
    os.wait()
"""


def test_a_forked_process_has_a_client_of_its_own() -> None:
    assert run_code(FORK).split() == ["unused", "used", "unclosed", "locked", "closed"]


EXIT = """
client = SlowClient()
loop = BackgroundLoop(lambda: client)
loop.submit(SlowClient.hang)
client.asked.wait(60)
print("end of the program", flush=True)
"""


def test_a_call_in_flight_does_not_delay_the_exit() -> None:
    assert run_code(EXIT) == "end of the program\n"


FINALIZING = """
class Owner:
    def __init__(self):
        self.loop, self.call = loop, SlowClient.get_process
        self.print, self.error = print, ClientClosed

    def __del__(self):
        try:
            self.loop.run(self.call)
        except self.error:
            self.print("is closed", flush=True)
        self.loop.close()

loop = BackgroundLoop(SlowClient)
loop.run(SlowClient.get_process)
owner = Owner()  # deleted by the interpreter's finalization
"""


def test_nothing_waits_for_the_thread_during_finalization() -> None:
    assert run_code(FINALIZING) == "is closed\n"
