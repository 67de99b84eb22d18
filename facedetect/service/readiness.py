"""Whether the model would answer now, asked of the backend once for everybody who asks."""

from __future__ import annotations

import asyncio
import time

from anyio import CapacityLimiter, to_thread

from facedetect.backends import Backend
from facedetect.errors import BackendUnavailable, copy_error
from facedetect.model_ref import ModelRef

_HOLDS_FOR_S = 1.0


class Readiness:
    """Asks the backend, and remembers the answer for a second: asking may take a network's time.

    Those who ask meanwhile wait for the one answer. For one event loop.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._limiter = CapacityLimiter(1)
        self._question: asyncio.Task[ModelRef | BackendUnavailable] | None = None
        self._holds_until = 0.0

    async def check(self) -> ModelRef:
        """Return the model that would answer; raises BackendUnavailable if none would."""
        question = self._question
        if question is None or (question.done() and time.monotonic() > self._holds_until):
            question = self._question = asyncio.create_task(self._ask())
        answer = await asyncio.shield(question)
        if isinstance(answer, BackendUnavailable):
            raise copy_error(answer, type(answer)) from answer
        return answer

    async def _ask(self) -> ModelRef | BackendUnavailable:
        try:
            return await to_thread.run_sync(self._backend.check_ready, limiter=self._limiter)
        except BackendUnavailable as error:
            return error
        finally:
            self._holds_until = time.monotonic() + _HOLDS_FOR_S
