"""Following faces through a video: detections in single frames become tracks without gaps.

Pure geometry. Detectors miss faces now and then, and only every n-th frame may be processed, but
hidden faces must stay hidden in all frames. So a track fills the gaps between its observations,
begins a little before the first one, ends a little after the last one, and its boxes are wide
enough for every observation around them.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedetect.faces import Box, Face
from facedetect.video.matching import match_boxes
from facedetect.video.trajectory import BOX, VALUES_PER_FACE, Floats, Trajectory

# A face is missed for a few frames in profile, behind a hand, or blurred by motion. After a longer
# gap it may have left, and the next one be somebody else's.
_MAX_GAP_S = 1.0
# Detectors find a face later than it appears, and lose it before it disappears.
_HOLD_S = 0.3
# Long enough for the boxes' jitter to cancel out, short enough to follow a nod.
_VELOCITY_S = 0.3
# How many observations are enough for that, at 60 frames a second.
_RECENT = 19
# How far a box may be from where it is expected (see `near_pairs`). Two people's faces are hardly
# ever closer than a side, and the nearest pairs are matched first. The more time passes between two
# updates, the further a face may have moved.
_MAX_DISTANCE = 0.8
_DISTANCE_PER_S = 5.0
_MAX_DISTANCE_GROWTH_S = 0.3


@dataclass(frozen=True)
class Observation:
    """A detected face: in which frame, and how many seconds after the first one."""

    frame_number: int
    time_s: float
    face: Face


class Track:
    """One face through the video; `best` is its observation with the highest confidence.

    `number` counts from 1 in the order of appearance.
    """

    def __init__(self, number: int, unseen_until_s: float, observation: Observation) -> None:
        self.number = number
        self.best = observation
        self._unseen_until_s = unseen_until_s
        self._unseen_from_s: float | None = None
        # Compact, since a long video of a crowd has millions.
        self._times = array("d")
        self._values = array("f")
        self.add(observation)

    @property
    def first_s(self) -> float:
        """The time of the first observation."""
        return self._times[0]

    @property
    def last_s(self) -> float:
        """The time of the last observation."""
        return self._times[-1]

    def add(self, observation: Observation) -> None:
        """Add the face's next observation."""
        face = observation.face
        self._times.append(observation.time_s)
        points = (value for point in face.landmarks for value in (point.x, point.y))
        self._values.extend((*_to_xyxy(face.box), face.confidence, *points))
        self._unseen_from_s = None
        if face.confidence > self.best.face.confidence:
            self.best = observation

    def mark_missing(self, time_s: float) -> None:
        """Record that the face was not detected at that time."""
        if self._unseen_from_s is None:
            self._unseen_from_s = time_s

    def is_over(self, time_s: float) -> bool:
        """Whether a detection at that time is too late to belong to this track."""
        return self._unseen_from_s is not None and time_s - self.last_s > _MAX_GAP_S

    def predict_xyxy(self, time_s: float) -> Floats:
        """Predict the box at that time, assuming that the face moves on as it did."""
        times = np.array(self._times[-_RECENT:])
        values = np.array(self._values[-_RECENT * VALUES_PER_FACE :])
        boxes = values.reshape(-1, VALUES_PER_FACE)[:, BOX]
        return _extrapolate(times[::-1], boxes[::-1], time_s - self.last_s)

    def to_trajectory(self, end_s: float) -> Trajectory:
        """Return the face's path through a video that ends at `end_s`."""
        times = np.array(self._times)
        values = np.array(self._values).reshape(-1, VALUES_PER_FACE)
        first_s = min(times[0] - _HOLD_S, self._unseen_until_s)
        unseen_from_s = end_s if self._unseen_from_s is None else self._unseen_from_s
        last_s = max(times[-1] + _HOLD_S, unseen_from_s)
        before = _hold(times, values, first_s - times[0])
        after = _hold(times[::-1], values[::-1], last_s - times[-1])
        return Trajectory(
            np.concatenate([[first_s], times, [last_s]]),
            np.concatenate([[before], values, [after]]).astype(np.float32),
        )


class TrackingResult:
    """All faces of a video: `tracks` by their numbers, and where they are at any time."""

    def __init__(self, tracks: list[Track], end_s: float, width: int, height: int) -> None:
        self.tracks = tracks
        self._size_wh = width, height
        self._trajectories = [track.to_trajectory(end_s) for track in tracks]
        self._starts_s = np.array([trajectory.times[0] for trajectory in self._trajectories])
        self._ends_s = np.array([trajectory.times[-1] for trajectory in self._trajectories])

    def faces_at(self, time_s: float) -> list[Face]:
        """Return the faces to draw or hide in the frame shown at that time."""
        present = np.flatnonzero((self._starts_s <= time_s) & (time_s <= self._ends_s))
        faces = (self._trajectories[i].face_at(time_s, *self._size_wh) for i in present)
        return [face for face in faces if face is not None]


class Tracker:
    """Decides which detections in successive frames are the same face.

    Detections are matched with the tracks' predicted boxes, nearest pairs first. A detection
    without a match starts a track: none is ever dropped, since it may be a face.
    """

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._active: list[Track] = []
        self._last_update_s = math.inf

    def update(self, frame_number: int, time_s: float, faces: Sequence[Face]) -> list[int]:
        """Add the next processed frame's faces; returns the track number of each."""
        self._active = [track for track in self._active if not track.is_over(time_s)]
        matched = self._match(time_s, faces)
        tracks = []
        for index, face in enumerate(faces):
            observation = Observation(frame_number, time_s, face)
            track = matched.get(index)
            if track is None:
                track = Track(len(self._tracks) + 1, self._last_update_s, observation)
                self._tracks.append(track)
            else:
                track.add(observation)
            tracks.append(track)
        numbers = [track.number for track in tracks]
        seen = set(numbers)
        for track in self._active:
            if track.number not in seen:
                track.mark_missing(time_s)
        self._active += [track for index, track in enumerate(tracks) if index not in matched]
        self._last_update_s = time_s
        return numbers

    def finish(self, end_s: float, width: int, height: int) -> TrackingResult:
        """Return the tracks of a video with frames of that size that ends at `end_s`."""
        return TrackingResult(self._tracks, end_s, width, height)

    def _match(self, time_s: float, faces: Sequence[Face]) -> dict[int, Track]:
        """The active track of each face that has one, by the face's index."""
        if not self._active or not faces:
            return {}
        predicted = np.array([track.predict_xyxy(time_s) for track in self._active])
        detected = np.array([_to_xyxy(face.box) for face in faces])
        growth_s = min(time_s - self._last_update_s, _MAX_DISTANCE_GROWTH_S)
        max_distance = _MAX_DISTANCE + _DISTANCE_PER_S * growth_s
        matches = match_boxes(predicted, detected, max_distance)
        return {index: self._active[row] for row, index in matches}


def _to_xyxy(box: Box) -> tuple[float, float, float, float]:
    return box.x_min, box.y_min, box.x_max, box.y_max


def _extrapolate(times: Floats, boxes: Floats, by_s: float) -> Floats:
    """Move the first box by `by_s` seconds at the velocity that it and the others show."""
    recent = np.flatnonzero(np.abs(times - times[0]) <= _VELOCITY_S)
    other = max(int(recent[-1]), min(1, len(times) - 1))
    if other == 0:
        first: Floats = boxes[0]
        return first
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    velocity = (centres[0] - centres[other]) / (times[0] - times[other])
    moved: Floats = boxes[0] + np.tile(velocity, 2) * by_s
    return moved


def _hold(times: Floats, values: Floats, by_s: float) -> Floats:
    """A knot before the first values, whose box covers a face that stays and one that moves on."""
    moving_s = float(np.clip(by_s, -_HOLD_S, _HOLD_S))
    stays, moves = values[0, BOX], _extrapolate(times[:_RECENT], values[:_RECENT, BOX], moving_s)
    knot: Floats = values[0].copy()
    knot[:2] = np.minimum(stays, moves)[:2]
    knot[2:4] = np.maximum(stays, moves)[2:]
    return knot
