"""An event loop in a thread of its own, for callers that wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines for threads that wait for them. Thread-safe.

    The thread is a daemon: a program that forgets to close this ends all the same.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._is_closed = False
        threading.Thread(target=self._loop.run_forever, name="rest-client", daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it and return its result; raises CancelledError once closed, also in between."""
        with self._lock:
            if self._is_closed:
                coroutine.close()
                raise CancelledError
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result()

    def close(self, last: Coroutine[Any, Any, object]) -> None:
        """Cancel what is running, run `last`, and end the thread."""
        with self._lock:
            if self._is_closed:
                last.close()
                return
            self._is_closed = True
        asyncio.run_coroutine_threadsafe(_cancel_others_and(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)


async def _cancel_others_and(last: Coroutine[Any, Any, object]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await last
