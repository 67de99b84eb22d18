"""Progress where there is no terminal: a line now and then."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rich.console import Console

_SECONDS_BETWEEN_LINES = 10.0


@dataclass
class LogLines:
    """Prints `tally` as text, at most every ten seconds."""

    tally: object
    console: Console
    last: float = field(default_factory=time.monotonic)

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self.last >= _SECONDS_BETWEEN_LINES:
            self.last = now
            self.console.print(str(self.tally), soft_wrap=True, highlight=False)
