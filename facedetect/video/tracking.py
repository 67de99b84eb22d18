"""Track faces through a video: detections in single frames become tracks without gaps.

Pure geometry. Detectors occasionally miss faces, and perhaps only every n-th frame is processed,
but hidden faces must stay hidden in all frames. So a track fills the gaps between its observations,
starts a little before the first and ends a little after the last, and its boxes cover every
observation around them.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedetect.faces import Box, Face
from facedetect.pairing import pair_greedily
from facedetect.video.matching import near_pairs
from facedetect.video.trajectory import BOX, VALUES_PER_FACE, Floats, Trajectory

# A face is missed for a few frames in profile, behind a hand, or in motion blur. After a longer gap
# it may have left, and the next face may be somebody else's.
_MAX_GAP_S = 1.0
# Detectors find a face later than it appears, and lose it before it disappears.
_HOLD_S = 0.3
# Long enough for the boxes' jitter to cancel out, short enough to follow a nod.
_VELOCITY_S = 0.3
# The number of observations that suffice for that at 60 frames per second.
_RECENT = 19
# The maximum distance of a box from its prediction (see `near_pairs`). Two people's faces are
# hardly ever closer than a side, and the nearest pairs are matched first. The more time passes
# between two updates, the further a face may have moved.
_MAX_DISTANCE = 0.8
_DISTANCE_PER_S = 5.0
_MAX_DISTANCE_GROWTH_S = 0.3


@dataclass(frozen=True)
class Observation:
    """A detected face, its frame, and the seconds since the first frame."""

    frame_number: int
    time_s: float
    face: Face


class Track:
    """One face through the video; `best` is its observation with the highest confidence.

    `number` counts from 1 in order of appearance.
    """

    def __init__(self, number: int, observation: Observation) -> None:
        self.number = number
        self.best = observation
        # Compact, since a long video of a crowd has millions of observations.
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
        if face.confidence > self.best.face.confidence:
            self.best = observation

    def predict_xyxy(self, time_s: float) -> Floats:
        """Predict the box at that time, assuming that the face keeps its velocity."""
        times = np.array(self._times[-_RECENT:])
        values = np.array(self._values[-_RECENT * VALUES_PER_FACE :])
        boxes = values.reshape(-1, VALUES_PER_FACE)[:, BOX]
        return _extrapolate(times[::-1], boxes[::-1], time_s - self.last_s)

    def to_trajectory(self, unseen_until_s: float, unseen_from_s: float) -> Trajectory:
        """Return the face's path; the times are when it was last unseen before and first after."""
        times = np.array(self._times)
        values = np.array(self._values).reshape(-1, VALUES_PER_FACE)
        first_s = min(times[0] - _HOLD_S, unseen_until_s)
        last_s = max(times[-1] + _HOLD_S, unseen_from_s)
        before = _hold(times, values, first_s - times[0])
        after = _hold(times[::-1], values[::-1], last_s - times[-1])
        return Trajectory(
            np.concatenate([[first_s], times, [last_s]]),
            np.concatenate([[before], values, [after]]).astype(np.float32),
        )


class TrackingResult:
    """All faces of a video: `tracks` by number, and their positions at any time."""

    def __init__(
        self, tracks: list[Track], trajectories: list[Trajectory], size_wh: tuple[int, int]
    ) -> None:
        self.tracks = tracks
        self._trajectories = trajectories
        self._size_wh = size_wh
        self._starts_s = np.array([trajectory.times[0] for trajectory in trajectories])
        self._ends_s = np.array([trajectory.times[-1] for trajectory in trajectories])

    def faces_at(self, time_s: float) -> list[Face]:
        """Return the faces to draw or hide in the frame shown at that time."""
        present = np.flatnonzero((self._starts_s <= time_s) & (time_s <= self._ends_s))
        faces = (self._trajectories[i].face_at(time_s, *self._size_wh) for i in present)
        return [face for face in faces if face is not None]


class Tracker:
    """Decides which detections in successive frames belong to the same face.

    Detections are matched with the tracks' predicted boxes, nearest pairs first. An unmatched
    detection starts a new track; none is ever dropped, since it may be a face.
    """

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._active: list[Track] = []
        self._times_s = array("d")  # of the processed frames

    def update(self, frame_number: int, time_s: float, faces: Sequence[Face]) -> list[int]:
        """Add the faces of the next processed frame; returns the track number of each."""
        self._active = [track for track in self._active if not self._is_over(track, time_s)]
        matched = self._match(time_s, faces)
        numbers = []
        for index, face in enumerate(faces):
            observation = Observation(frame_number, time_s, face)
            track = matched.get(index)
            if track is None:
                track = Track(len(self._tracks) + 1, observation)
                self._tracks.append(track)
                self._active.append(track)
            else:
                track.add(observation)
            numbers.append(track.number)
        self._times_s.append(time_s)
        return numbers

    def finish(self, end_s: float, width: int, height: int) -> TrackingResult:
        """Return the tracks, given when the video ends and its frame size."""
        times_s = np.array(self._times_s)
        times_before_s = np.array([math.inf, *times_s])
        times_after_s = np.array([*times_s[1:], end_s])
        trajectories = [
            track.to_trajectory(
                times_before_s[np.searchsorted(times_s, track.first_s)],
                times_after_s[np.searchsorted(times_s, track.last_s)],
            )
            for track in self._tracks
        ]
        return TrackingResult(self._tracks, trajectories, (width, height))

    def _is_over(self, track: Track, time_s: float) -> bool:
        """Return whether a detection at that time is too late to belong to the track."""
        is_missed = track.last_s < self._times_s[-1]
        return is_missed and time_s - track.last_s > _MAX_GAP_S

    def _match(self, time_s: float, faces: Sequence[Face]) -> dict[int, Track]:
        """Map the index of each face that continues an active track to that track."""
        if not self._active or not faces:
            return {}
        predicted = np.array([track.predict_xyxy(time_s) for track in self._active])
        detected = np.array([_to_xyxy(face.box) for face in faces])
        growth_s = min(time_s - self._times_s[-1], _MAX_DISTANCE_GROWTH_S)
        max_distance = _MAX_DISTANCE + _DISTANCE_PER_S * growth_s
        pairs = pair_greedily(near_pairs(predicted, detected, max_distance))
        return {index: self._active[row] for row, index in pairs}


def _to_xyxy(box: Box) -> tuple[float, float, float, float]:
    return box.x_min, box.y_min, box.x_max, box.y_max


def _extrapolate(times: Floats, boxes: Floats, by_s: float) -> Floats:
    """Move the first box by `by_s` seconds at the velocity of the boxes."""
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
    """Return a knot before the first values; its box covers a still and a moving face."""
    moving_s = float(np.clip(by_s, -_HOLD_S, _HOLD_S))
    stays, moves = values[0, BOX], _extrapolate(times[:_RECENT], values[:_RECENT, BOX], moving_s)
    knot: Floats = values[0].copy()
    knot[:2] = np.minimum(stays, moves)[:2]
    knot[2:4] = np.maximum(stays, moves)[2:]
    return knot
