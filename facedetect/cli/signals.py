"""Stop a long command early without losing work."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def stopped_by_signals(stop: Event) -> Iterator[None]:
    """Set the event on Ctrl-C or SIGTERM to finish work in progress; a second signal kills."""

    def request_stop(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, _die)

    previous = {number: signal.signal(number, request_stop) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _die(number: int, _: object) -> None:
    """Show the cursor, which a progress bar hides, and die of the signal."""
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
        sys.stderr.flush()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(signal.Signals(number))
