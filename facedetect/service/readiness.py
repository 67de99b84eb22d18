"""Check whether the model is ready, with one backend call for all callers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from anyio import to_thread

from facedetect.backends import Backend
from facedetect.errors import BackendUnavailable, copy_error
from facedetect.model_ref import ModelRef

_CACHED_FOR_S = 1.0


class Readiness:
    """Calls the backend and caches the answer for a second, since it may be a network call.

    Concurrent checks share one call. For one event loop.
    """

    def __init__(self, backend: Backend, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns seconds."""
        self._backend = backend
        self._clock = clock
        self._lock = asyncio.Lock()
        self._answer: ModelRef | BackendUnavailable | None = None
        self._expires_at = 0.0

    async def check(self) -> ModelRef:
        """Return the model that would answer now. Raises BackendUnavailable if none is ready."""
        async with self._lock:
            if self._answer is None or self._clock() > self._expires_at:
                self._answer = await to_thread.run_sync(self._ask, abandon_on_cancel=True)
                self._expires_at = self._clock() + _CACHED_FOR_S
            answer = self._answer
        if isinstance(answer, BackendUnavailable):
            raise copy_error(answer, type(answer)) from answer
        return answer

    def _ask(self) -> ModelRef | BackendUnavailable:
        try:
            return self._backend.check_ready()
        except BackendUnavailable as error:
            return error
