"""Learn how long work takes, for each caller from its own images."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

_FIRST_GUESS_S = 1e-7
_MAX_CALLERS = 64
_WEIGHT_OF_THE_PAST = 0.9


@dataclass
class _Sums:
    slot_seconds: float = 0.0
    work: float = 0.0


class LearnedRates:
    """Slot seconds per pixel of work.

    A caller whose images take longer than they seem changes only its own rate; unknown callers get
    the median of all recent callers.
    """

    def __init__(self) -> None:
        self._callers: dict[str, _Sums] = {}

    def of(self, caller_id: str) -> float:
        """Return a caller's rate: slot seconds per pyramid pixel."""
        known = self._callers.get(caller_id)
        if known is not None:
            return known.slot_seconds / known.work
        rates = [sums.slot_seconds / sums.work for sums in self._callers.values()]
        return median(rates) if rates else _FIRST_GUESS_S

    def learn(self, caller_id: str, slot_seconds: float, work: float) -> None:
        """Add an image's rate; older images count less and less."""
        sums = self._callers.pop(caller_id, _Sums())
        sums.slot_seconds = _WEIGHT_OF_THE_PAST * sums.slot_seconds + slot_seconds
        sums.work = _WEIGHT_OF_THE_PAST * sums.work + work
        self._callers[caller_id] = sums  # now the most recent
        if len(self._callers) > _MAX_CALLERS:
            del self._callers[next(iter(self._callers))]
