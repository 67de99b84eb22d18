"""Decide when each frame is shown."""

from __future__ import annotations

from fractions import Fraction

from facedetect.errors import UnsupportedVideo

# Encoders sometimes swap neighbouring timestamps; a larger jump means another recording.
_MAX_JUMP_S = 0.2


class FrameClock:
    """Assigns increasing timestamps to frames, in ticks of `time_base` seconds.

    A frame without a timestamp follows its predecessor after `1 / rate` seconds.
    """

    def __init__(self, time_base: Fraction, rate: Fraction) -> None:
        self._time_base = time_base
        self._ticks_per_frame = max(1, round(1 / (rate * time_base)))
        self._first: int | None = None
        self._last = 0

    @property
    def duration_s(self) -> float:
        """The time from the start of the first frame to the end of the latest."""
        if self._first is None:
            return 0.0
        return self.seconds_at(self._last + self._ticks_per_frame)

    @property
    def end_s(self) -> float:
        """When the latest frame ends, by the file's timestamps."""
        return self.duration_s + float((self._first or 0) * self._time_base)

    def next(self, pts: int | None, time_base: Fraction | None) -> int:
        """Return the next frame's timestamp; raises UnsupportedVideo if time jumps back."""
        if pts is None:
            ticks = 0 if self._first is None else self._last + self._ticks_per_frame
        else:
            ticks = round(pts * (time_base or self._time_base) / self._time_base)
        if self._first is None:
            self._first = ticks
        elif ticks <= self._last:
            jump_s = float((self._last - ticks) * self._time_base)
            if jump_s > _MAX_JUMP_S:
                raise UnsupportedVideo(
                    f"the video's timestamps jump back by {jump_s:.1f} s, more than the "
                    f"{_MAX_JUMP_S} s "
                    "allowed: it joins several recordings; split it there"
                )
            ticks = self._last + 1
        self._last = ticks
        return ticks

    def seconds_at(self, ticks: int) -> float:
        """Seconds since the first frame."""
        return float((ticks - (self._first or 0)) * self._time_base)
