"""Ending a long command early, and well."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def stopped_by_signals(stop: Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM set the event: what was begun is finished. A second one ends at once."""

    def set_once(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, _end_at_once)

    previous = {number: signal.signal(number, set_once) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end_at_once(number: int, _: object) -> None:
    """Die of the signal, but show the cursor, which a progress bar hides."""
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
        sys.stderr.flush()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(signal.Signals(number))
