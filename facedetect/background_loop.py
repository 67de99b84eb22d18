"""Run an asynchronous client for callers without an event loop."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class AsyncCloseable(Protocol):
    """A client that is closed on its event loop."""

    async def aclose(self) -> None: ...


C = TypeVar("C", bound=AsyncCloseable)


class ClientClosed(RuntimeError):
    """The client was closed before the call or during it."""


class BackgroundLoop(Generic[C]):
    """Runs the calls of an asynchronous client in a background thread. Thread-safe.

    httpx2's timeouts each cover a single connect, read or write. On an event loop,
    `asyncio.timeout` bounds the whole call, for synchronous callers, too.

    The thread ends on `close`, when this object is garbage-collected, or with the program. A forked
    child process opens its own client, because connections and event loops cannot be shared.
    """

    def __init__(self, open_client: Callable[[], C]) -> None:
        """Open the client; raises what `open_client` raises."""
        self._open_client = open_client
        self._by_process = {os.getpid(): _ClientThread(open_client())}
        self._is_closed = False

    def run(self, call: Callable[[C], Coroutine[Any, Any, T]]) -> T:
        """Return the result of `call(client)`; raises ClientClosed."""
        return wait_for(self.submit(call))

    def submit(self, call: Callable[[C], Coroutine[Any, Any, T]]) -> Future[T]:
        """Start `call(client)`, for `wait_for`; raises ClientClosed."""
        if self._is_closed:
            raise ClientClosed("the client is closed")
        process = os.getpid()
        if process not in self._by_process:  # forked, possibly while a lock was held
            self._by_process.setdefault(process, _ClientThread(self._open_client()))
        return self._by_process[process].submit(call)

    def close(self) -> None:
        """Cancel the calls in flight, close the client and end the thread."""
        self._is_closed = True
        thread = self._by_process.get(os.getpid())
        if thread is not None:
            thread.close()


def wait_for(future: Future[T]) -> T:
    """Wait for a submitted call; cancel it if interrupted. Raises ClientClosed."""
    try:
        return future.result()
    except CancelledError as error:
        raise ClientClosed("the client was closed during the call") from error
    except BaseException:  # including KeyboardInterrupt
        future.cancel()
        raise


class _ClientThread(Generic[C]):
    """The client of one process, and the thread that runs its event loop."""

    def __init__(self, client: C) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        # The thread must not reference this object, or it would never be collected.
        self._thread = threading.Thread(
            target=_run_until_stopped,
            args=(self._loop, client),
            name="facedetect-client",
            daemon=True,
        )
        self._thread.start()
        # Also called on garbage collection and at exit.
        self._stop = weakref.finalize(self, self._loop.call_soon_threadsafe, self._loop.stop)

    def submit(self, call: Callable[[C], Coroutine[Any, Any, T]]) -> Future[T]:
        with self._lock:  # a loop that stops in the meantime would never run the call
            if not self._stop.alive:
                raise ClientClosed("the client is closed")
            return asyncio.run_coroutine_threadsafe(call(self._client), self._loop)

    def close(self) -> None:
        with self._lock:
            is_stopping = self._stop() is not None
        if is_stopping:  # else this would wait forever at exit
            self._thread.join()


def _run_until_stopped(loop: asyncio.AbstractEventLoop, client: AsyncCloseable) -> None:
    loop.run_forever()
    try:
        loop.run_until_complete(_cancel_calls_and_close(client))
    finally:
        loop.close()


async def _cancel_calls_and_close(client: AsyncCloseable) -> None:
    calls = asyncio.all_tasks() - {asyncio.current_task()}
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await client.aclose()
