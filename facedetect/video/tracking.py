"""Following faces through a video: what is found in single frames becomes tracks without gaps.

Pure geometry. A detector misses faces now and then, and only some frames may be looked at, but
hidden faces must stay hidden in all of them. So a track fills the gaps between its hits, begins a
little before the first one and ends a little after the last one, and its boxes are wide enough for
every hit around them.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedetect.faces import Box, Face
from facedetect.video.course import BOX, VALUES, Course, Floats
from facedetect.video.nearness import centres_and_sides, nearest_first

# A face is missed for a few frames in profile, behind a hand, or blurred by motion. For longer it
# may well have left, and another one come.
_LONGEST_GAP_S = 1.0
# A face turns up in the detector's answers later than in the picture, and is gone from them sooner.
_HOLD_S = 0.3
# Long enough for the boxes' jitter to cancel out, short enough to follow a nod.
_VELOCITY_S = 0.3
# How far a box may lie from where it is expected (see `nearest_first`). Two people's faces are
# hardly ever closer than a side; but what is nearest is taken first, and more may happen the longer
# nobody looks.
_LARGEST_STEP = 0.8
_STEPS_PER_S = 5.0
_LONGEST_STEP_S = 0.3


@dataclass(frozen=True)
class Hit:
    """A face that was found: in which frame, and when, from the video's begin."""

    frame: int
    time_s: float
    face: Face


class Track:
    """One face through the video; `best` is where the detector was surest of it.

    `number` counts from 1 in the order of appearance.
    """

    def __init__(self, number: int, unseen_until_s: float, hit: Hit) -> None:
        self.number = number
        self.best = hit
        self._unseen_until_s = unseen_until_s
        self._unseen_from_s: float | None = None
        self._times = array("d")
        self._values = array("f")
        self.add(hit)

    @property
    def first_s(self) -> float:
        """When it was found first."""
        return self._times[0]

    @property
    def last_s(self) -> float:
        """When it was found last."""
        return self._times[-1]

    def add(self, hit: Hit) -> None:
        face = hit.face
        self._times.append(hit.time_s)
        points = (value for point in face.landmarks for value in (point.x, point.y))
        self._values.extend((*_sides(face.box), face.confidence, *points))
        self._unseen_from_s = None
        if face.confidence > self.best.face.confidence:
            self.best = hit

    def miss(self, time_s: float) -> None:
        """Take note that it was not found at that time."""
        if self._unseen_from_s is None:
            self._unseen_from_s = time_s

    def is_over(self, time_s: float) -> bool:
        """Whether what is found at that time is too late to belong to it."""
        return self._unseen_from_s is not None and time_s - self.last_s > _LONGEST_GAP_S

    def expected_xyxy(self, time_s: float) -> Floats:
        """Where its box should be by now, if it moves on as it did."""
        count = len(self._times)
        times = np.array(self._times[-_recent(count) :])
        boxes = np.array(self._values[-_recent(count) * VALUES :]).reshape(-1, VALUES)[:, BOX]
        return _moved(times[::-1], boxes[::-1], time_s - self.last_s)

    def course(self, end_s: float) -> Course:
        """Its way through the video, which ends at `end_s`."""
        times = np.array(self._times)
        values = np.array(self._values).reshape(-1, VALUES)
        begin_s = min(times[0] - _HOLD_S, self._unseen_until_s)
        unseen_s = end_s if self._unseen_from_s is None else self._unseen_from_s
        ends_s = max(times[-1] + _HOLD_S, unseen_s)
        before = _held(times, values, begin_s - times[0])
        after = _held(times[::-1], values[::-1], ends_s - times[-1])
        return Course(
            self.number,
            np.concatenate([[begin_s], times, [ends_s]]),
            np.concatenate([[before], values, [after]]).astype(np.float32),
        )


class Tracks:
    """All faces of a video, `tracks` by their numbers, in pictures of that size."""

    def __init__(self, tracks: list[Track], end_s: float, width: int, height: int) -> None:
        self.tracks = tracks
        self._size_wh = width, height
        self._courses = [track.course(end_s) for track in tracks]
        self._begins = np.array([course.times[0] for course in self._courses])
        self._ends = np.array([course.times[-1] for course in self._courses])

    def faces_at(self, time_s: float) -> list[Face]:
        """The faces to draw or hide in the frame of that time."""
        running = np.flatnonzero((self._begins <= time_s) & (time_s <= self._ends))
        found = (self._courses[index].at(time_s, *self._size_wh) for index in running)
        return [face for face in found if face is not None]


class Tracker:
    """Tells which faces of the frames that are looked at belong together.

    Pairs are made of what is nearest to where it is expected, nearest first. No hit is ever
    dropped, alone as it may be: it may be a face.
    """

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._running: list[Track] = []
        self._last_look_s = math.inf

    def look(self, frame: int, time_s: float, faces: Sequence[Face]) -> list[int]:
        """Take the faces of the next frame that was looked at; returns each one's track number."""
        self._running = [track for track in self._running if not track.is_over(time_s)]
        known = self._pair(time_s, faces)
        found = []
        for index, face in enumerate(faces):
            hit = Hit(frame, time_s, face)
            track = known.get(index)
            if track is None:
                track = Track(len(self._tracks) + 1, self._last_look_s, hit)
                self._tracks.append(track)
            else:
                track.add(hit)
            found.append(track)
        seen = {track.number for track in found}
        for track in self._running:
            if track.number not in seen:
                track.miss(time_s)
        self._running += [track for index, track in enumerate(found) if index not in known]
        self._last_look_s = time_s
        return [track.number for track in found]

    def finish(self, end_s: float, width: int, height: int) -> Tracks:
        """Return the tracks of a video that ends at `end_s`."""
        return Tracks(self._tracks, end_s, width, height)

    def _allowed_step(self, time_s: float) -> float:
        return _LARGEST_STEP + _STEPS_PER_S * min(time_s - self._last_look_s, _LONGEST_STEP_S)

    def _pair(self, time_s: float, faces: Sequence[Face]) -> dict[int, Track]:
        """The running track that each face belongs to, by the face's index."""
        if not self._running or not faces:
            return {}
        expected = np.array([track.expected_xyxy(time_s) for track in self._running])
        boxes = np.array([_sides(face.box) for face in faces])
        pairs: dict[int, Track] = {}
        taken: set[int] = set()
        for row, index in nearest_first(expected, boxes, self._allowed_step(time_s)):
            if index not in pairs and row not in taken:
                pairs[index] = self._running[row]
                taken.add(row)
        return pairs


def _sides(box: Box) -> tuple[float, float, float, float]:
    return box.x_min, box.y_min, box.x_max, box.y_max


def _recent(count: int) -> int:
    """So many hits are enough to tell how a face moves, at 60 frames a second."""
    return min(count, math.ceil(_VELOCITY_S * 60) + 1)


def _moved(times: Floats, boxes: Floats, by_s: float) -> Floats:
    """Where the box of the first of these hits is `by_s` seconds away from all others."""
    near = np.flatnonzero(np.abs(times - times[0]) <= _VELOCITY_S)
    other = max(int(near[-1]), min(1, len(times) - 1))
    if other == 0:
        first: Floats = boxes[0]
        return first
    centres, _ = centres_and_sides(boxes[[0, other]])
    velocity = (centres[0] - centres[1]) / (times[0] - times[other])
    moved: Floats = boxes[0] + np.tile(velocity, 2) * by_s
    return moved


def _held(times: Floats, values: Floats, by_s: float) -> Floats:
    """The knot before or behind the hits: wide enough for a face that stays or that moves on."""
    recent = _recent(len(times))
    moving_s = float(np.clip(by_s, -_HOLD_S, _HOLD_S))
    stays, moves = values[0, BOX], _moved(times[:recent], values[:recent, BOX], moving_s)
    held: Floats = values[0].copy()
    held[:2] = np.minimum(stays, moves)[:2]
    held[2:4] = np.maximum(stays, moves)[2:]
    return held
