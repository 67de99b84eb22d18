"""The timestamps of a video's frames."""

from __future__ import annotations

from fractions import Fraction

import pytest

from facedetect.errors import UnsupportedVideo
from facedetect.video.frame_clock import FrameClock


def test_times_grow() -> None:
    clock = FrameClock(Fraction(1, 100), Fraction(25))
    assert [clock.next(pts, None) for pts in (50, 54, None, 57, 66)] == [50, 54, 58, 59, 66]
    assert clock.next(35, Fraction(2, 100)) == 70
    assert clock.seconds_at(70) == 0.2
    assert clock.duration_s == 0.24


def test_time_that_jumps_back_is_another_recording() -> None:
    clock = FrameClock(Fraction(1, 100), Fraction(25))
    clock.next(500, None)
    with pytest.raises(UnsupportedVideo, match="jump back by 5"):
        clock.next(0, None)
