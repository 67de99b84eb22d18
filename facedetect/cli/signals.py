"""What Ctrl-C and SIGTERM do to a command."""

from __future__ import annotations

import signal
import sys
import threading
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


@contextmanager
def killed_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C kill the process within the block, as nothing is lost while modules are imported.

    Compiled modules would print Python's KeyboardInterrupt, and may go on.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # it is ignored, or the program handles it
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _die(number: int, _: object) -> None:
    """Show the cursor, which a progress bar hides, and die of the signal."""
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
        sys.stderr.flush()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(signal.Signals(number))
