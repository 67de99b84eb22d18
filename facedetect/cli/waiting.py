"""Say what a command is waiting for once it has been silent for a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, Timer
from typing import TextIO

_SILENCE_S = 1.0


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show a spinner on a terminal if the block takes longer than a second."""
    if not sys.stderr.isatty():
        yield
        return
    spinner = Spinner(text, sys.stderr)
    timer = Timer(_SILENCE_S, spinner.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        spinner.stop()


class Spinner:
    """A spinner that starts in the timer's thread, and never after `stop`."""

    def __init__(self, text: str, terminal: TextIO) -> None:
        self._text = text
        self._terminal = terminal
        self._lock = Lock()
        self._shown = ExitStack()
        self._is_stopped = False

    def start(self) -> None:
        # Slow to import, and most commands end before it is needed.
        from rich.console import Console
        from rich.text import Text

        with self._lock:
            if not self._is_stopped:
                console = Console(file=self._terminal, force_terminal=True)
                self._shown.enter_context(console.status(Text(self._text)))

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            self._shown.close()
