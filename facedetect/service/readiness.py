"""Whether the model would answer now, asked of the backend once for everybody who asks."""

from __future__ import annotations

import threading
import time

from facedetect.backends import Backend
from facedetect.errors import BackendUnavailable, said_again
from facedetect.faces import ModelVersion

_HOLDS_FOR_S = 1.0


class Readiness:
    """Asks the backend, and remembers the answer for a second: asking may take a network's time.

    Those who ask meanwhile wait for the one answer. Thread-safe.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._answer: ModelVersion | BackendUnavailable | None = None
        self._holds_until = 0.0

    def check(self) -> ModelVersion:
        """Return the model that would answer; raises BackendUnavailable if none would."""
        with self._lock:
            if self._answer is None or time.monotonic() > self._holds_until:
                self._answer = self._ask()
                self._holds_until = time.monotonic() + _HOLDS_FOR_S
            answer = self._answer
        if isinstance(answer, BackendUnavailable):
            raise said_again(answer, type(answer)) from answer
        return answer

    def _ask(self) -> ModelVersion | BackendUnavailable:
        try:
            return self._backend.check_ready()
        except BackendUnavailable as error:
            return error
