"""An event loop whose time advances only when waited for, and instantly."""

from __future__ import annotations

import asyncio
import selectors

Event = tuple[selectors.SelectorKey, int]


class _SkippingSelector(selectors.DefaultSelector):
    """Returns at once instead of waiting, and counts the time."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[Event]:
        events = super().select(0 if timeout else timeout)
        if not events and timeout:
            self.skipped_s += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs timers in order without waiting. For code without sockets and threads."""

    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.skipped_s
