"""When each frame is shown."""

from __future__ import annotations

from fractions import Fraction

from facedetect.errors import UnsupportedVideo

# Neighbours in the wrong order are an encoder's slip; a larger jump is another recording.
_LARGEST_JUMP_S = 0.2


class Clock:
    """Gives frames times that grow; `time_base` is one tick in seconds.

    A frame without a time follows its predecessor after `1 / rate` seconds.
    """

    def __init__(self, time_base: Fraction, rate: Fraction) -> None:
        self.time_base = time_base
        self._step = max(1, round(1 / (rate * time_base)))
        self._first: int | None = None
        self._last = 0

    @property
    def seconds(self) -> float:
        """How long all frames are shown."""
        if self._first is None:
            return 0.0
        return float((self._last + self._step - self._first) * self.time_base)

    def next(self, pts: int | None, time_base: Fraction | None) -> int:
        """The next frame's time in ticks; raises UnsupportedVideo if time jumps back."""
        if pts is None:
            ticks = self._last + self._step if self._first is not None else 0
        else:
            ticks = round(pts * (time_base or self.time_base) / self.time_base)
        if self._first is None:
            self._first = ticks
        elif ticks <= self._last:
            self._check_jump(self._last - ticks)
            ticks = self._last + 1
        self._last = ticks
        return ticks

    def seconds_at(self, ticks: int) -> float:
        """The time from the first frame on."""
        return float((ticks - (self._first or 0)) * self.time_base)

    def _check_jump(self, ticks: int) -> None:
        if ticks * self.time_base > _LARGEST_JUMP_S:
            raise UnsupportedVideo(
                f"the video's time jumps back by {float(ticks * self.time_base):.1f} s: it is made "
                "of several recordings; cut it there"
            )
