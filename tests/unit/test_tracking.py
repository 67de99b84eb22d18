"""Tracking: synthetic faces whose tracks are known."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedetect.faces import Box, Face
from facedetect.pairing import pair_greedily
from facedetect.video import Tracker, TrackingResult
from facedetect.video.matching import near_pairs
from facedetect.video.trajectory import Floats
from tests.conftest import examples, face_at

WIDTH, HEIGHT = 640, 480
RATE = 25


def at(x: float, y: float = 100, side: float = 40) -> Face:
    return face_at(x, y, side=side, confidence=0.9)


def track(detections: dict[int, list[Face]], frames: int) -> tuple[list[list[int]], TrackingResult]:
    """Process these frames of 25 a second; returns each one's track numbers, and the tracks."""
    tracker = Tracker()
    numbers = [tracker.update(frame, frame / RATE, faces) for frame, faces in detections.items()]
    return numbers, tracker.finish(frames / RATE, WIDTH, HEIGHT)


def boxes_at(tracks: TrackingResult, frame: int) -> list[Box]:
    return [face.box for face in tracks.faces_at(frame / RATE)]


def covers(outer: Box, inner: Box, slack: float = 1e-3) -> bool:
    return (
        outer.x_min <= inner.x_min + slack
        and outer.y_min <= inner.y_min + slack
        and outer.x_max >= inner.x_max - slack
        and outer.y_max >= inner.y_max - slack
    )


def is_covered(tracks: TrackingResult, frame: int, face: Face) -> bool:
    return any(covers(box, face.box) for box in boxes_at(tracks, frame))


def test_a_moving_face_is_one_track_and_covered_in_every_frame() -> None:
    detections = {n: [at(50 + 4 * n)] for n in range(60)}
    numbers, tracks = track(detections, 60)
    assert numbers == [[1]] * 60
    assert all(is_covered(tracks, n, faces[0]) for n, faces in detections.items())
    assert [(t.first_s, t.last_s) for t in tracks.tracks] == [(0.0, 59 / RATE)]


def test_boxes_grow_little_where_a_face_rests() -> None:
    _, tracks = track({n: [at(200)] for n in range(50)}, 50)
    (box,) = boxes_at(tracks, 25)
    assert (box.x_min, box.y_min, box.x_max, box.y_max) == pytest.approx((200, 100, 240, 140))


def test_jitter_is_smoothed_and_still_covered() -> None:
    detections = {n: [at(200 + (3 if n % 2 else -3))] for n in range(50)}
    _, tracks = track(detections, 50)
    lefts = [boxes_at(tracks, n)[0].x_min for n in range(10, 40)]
    assert max(lefts) - min(lefts) < 0.5
    assert all(is_covered(tracks, n, faces[0]) for n, faces in detections.items())


def test_crossing_faces_keep_their_numbers() -> None:
    """One walks right, the other left and 30 px below; they overlap on the way."""
    detections = {n: [at(100 + 6 * n), at(400 - 6 * n, 130)] for n in range(50)}
    numbers, tracks = track(detections, 50)
    assert numbers == [[1, 2]] * 50
    assert len(tracks.tracks) == 2


def test_missed_frames_are_filled_in_between() -> None:
    missed = range(20, 40)
    detections = {n: [] if n in missed else [at(100 + 5 * n)] for n in range(60)}
    numbers, tracks = track(detections, 60)
    assert len(tracks.tracks) == 1
    assert all(is_covered(tracks, n, at(100 + 5 * n)) for n in missed)
    faces = tracks.faces_at(30 / RATE)
    assert faces[0].landmarks.nose.x == pytest.approx(at(250).landmarks.nose.x)
    assert faces[0].confidence == pytest.approx(0.9)
    assert numbers[-1] == [1]


def test_after_a_second_it_is_another_track() -> None:
    detections = {n: [] if 20 <= n < 50 else [at(100)] for n in range(70)}
    numbers, tracks = track(detections, 70)
    assert (numbers[0], numbers[-1]) == ([1], [2])
    assert boxes_at(tracks, 35) == []


def test_a_scene_cut_does_not_smear() -> None:
    detections = {n: [at(60)] if n < 25 else [at(500, 300)] for n in range(50)}
    _, tracks = track(detections, 50)
    assert len(tracks.tracks) == 2
    for n in range(50):
        for box in boxes_at(tracks, n):
            assert box.width < 50
    assert not is_covered(tracks, 40, at(60))
    assert not is_covered(tracks, 10, at(500, 300))


def test_a_face_is_held_before_its_first_and_after_its_last_observation() -> None:
    """It walks in from the left and out again; the detector is late both times."""
    detections = {n: [at(5 * n)] if 20 <= n < 40 else [] for n in range(60)}
    _, tracks = track(detections, 60)
    assert all(is_covered(tracks, n, at(5 * n)) for n in range(14, 46))
    assert boxes_at(tracks, 5) == []
    assert boxes_at(tracks, 55) == []


def test_what_leaves_the_picture_is_cut_at_its_edge_or_gone() -> None:
    detections = {
        n: [face_at(600 - 30 * (20 - n), 100, side=30, confidence=0.9)] for n in range(21)
    }
    detections |= {n: [] for n in range(21, 40)}
    _, tracks = track(detections, 40)
    for n in range(40):
        for box in boxes_at(tracks, n):
            assert 0 <= box.x_min < box.x_max <= WIDTH


@pytest.mark.parametrize("stride", [2, 3, 5, 12])
def test_frames_that_are_not_processed_are_covered(stride: int) -> None:
    frames = 100
    detections = {n: [at(50 + 4 * n)] for n in range(0, frames, stride)}
    numbers, tracks = track(detections, frames)
    assert all(found == [1] for found in numbers)
    assert all(is_covered(tracks, n, at(50 + 4 * n)) for n in range(frames - stride))
    assert all(boxes_at(tracks, n) for n in range(frames))


def test_a_face_seen_once_is_hidden_from_the_frame_before_to_the_one_after() -> None:
    detections: dict[int, list[Face]] = {0: [], 50: [at(100)], 100: []}
    _, tracks = track(detections, 120)
    assert all(is_covered(tracks, n, at(100)) for n in range(1, 100))
    assert boxes_at(tracks, 110) == []


def test_a_face_in_the_last_processed_frame_is_hidden_to_the_end() -> None:
    _, tracks = track({0: [], 50: [at(100)]}, 90)
    assert is_covered(tracks, 89, at(100))


def test_a_face_that_was_missed_and_found_again_stays_to_the_end() -> None:
    _, tracks = track({0: [at(100)], 10: [], 20: [at(100)]}, 90)
    assert is_covered(tracks, 89, at(100))


def test_a_single_observation_is_kept() -> None:
    detections = {n: [at(100)] if n == 10 else [] for n in range(20)}
    numbers, tracks = track(detections, 20)
    assert numbers[10] == [1]
    assert is_covered(tracks, 10, at(100))


def test_the_best_observation_has_the_highest_confidence() -> None:
    faces = [face_at(100, 100, side=40, confidence=c) for c in (0.8, 0.95, 0.95, 0.9)]
    _, tracks = track({n: [face] for n, face in enumerate(faces)}, 4)
    best = tracks.tracks[0].best
    assert (best.frame_number, best.face.confidence) == (1, 0.95)


def test_nothing_found_is_no_track() -> None:
    numbers, tracks = track({n: [] for n in range(5)}, 5)
    assert numbers == [[]] * 5
    assert tracks.tracks == []
    assert tracks.faces_at(0.1) == []


def test_a_crowd_takes_little_memory() -> None:
    """3,000 faces: all pairs' distances alone would be 72 MB."""
    crowd = [at(30 * (n % 60), 30 * (n // 60), 20) for n in range(3000)]
    tracker = Tracker()
    tracemalloc.start()
    numbers = [tracker.update(frame, frame / RATE, crowd) for frame in range(2)]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert numbers == [list(range(1, 3001))] * 2
    assert most < 30e6


boxes = st.builds(
    lambda x, y, side: [x, y, x + side, y + side],
    *[st.sampled_from([0.0, 8.0, 30.0, 100.0])] * 2,
    st.sampled_from([8.0, 10.0, 40.0, 200.0]),
)
some_boxes: st.SearchStrategy[Floats] = st.lists(boxes, min_size=1, max_size=70).map(np.array)


@examples(0.6)
@given(some_boxes, some_boxes, st.sampled_from([0.8, 1.0, 2.3]))
def test_near_pairs_are_those_of_all_pairs(first: Floats, second: Floats, limit: float) -> None:
    steps = {
        (row, column): math.dist(one[:2] + one[2:], other[:2] + other[2:])
        / (one[2] - one[0] + other[2] - other[0])
        + abs(math.log((one[2] - one[0]) / (other[2] - other[0])))
        for row, one in enumerate(first)
        for column, other in enumerate(second)
    }
    near = [pair for pair, step in steps.items() if step <= limit]
    found = list(near_pairs(first, second, limit))
    assert sorted(found) == sorted(near)
    assert [steps[pair] for pair in found] == pytest.approx(sorted(steps[pair] for pair in near))


@pytest.mark.parametrize(("left", "side", "limit"), [(7.9, 10, 0.8), (22, 10, 2.3), (3.5, 35, 2.3)])
def test_a_box_at_the_limit_is_near(left: float, side: float, limit: float) -> None:
    first, second = np.array([[0, 0, 10, 10]]), np.array([[left, 0, left + side, side]])
    assert list(near_pairs(first, second, limit)) == [(0, 0)]
    assert list(near_pairs(second, first, limit)) == [(0, 0)]
    assert not list(near_pairs(first, second + 5, limit))


def test_nearest_boxes_are_matched_first_and_once() -> None:
    first = np.array([[0.0, 0, 10, 10], [4, 0, 14, 10], [100, 0, 110, 10]])
    second = np.array([[3.0, 0, 13, 10], [8, 0, 18, 10], [300, 0, 310, 10]])
    assert pair_greedily(near_pairs(first, second, 1.0)) == [(1, 0), (0, 1)]
    assert pair_greedily(near_pairs(first, second, 0.5)) == [(1, 0)]


places = st.floats(0, 400, width=32)
some_faces = st.lists(
    st.builds(at, places, places, st.floats(1, 80, width=32)), min_size=0, max_size=4
)
videos = st.lists(some_faces, min_size=1, max_size=25)


@examples(0.3)
@given(videos, st.integers(1, 30))
def test_whatever_is_found_is_covered(found: list[list[Face]], stride: int) -> None:
    detections = {n * stride: faces for n, faces in enumerate(found)}
    numbers, tracks = track(detections, len(found) * stride)
    for frame, faces in detections.items():
        assert all(is_covered(tracks, frame, face) for face in faces)
    assert {n for frame in numbers for n in frame} == set(range(1, len(tracks.tracks) + 1))
    assert all(len(set(frame)) == len(frame) for frame in numbers)


@examples(0.2)
@given(videos)
def test_the_same_faces_give_the_same_tracks(found: list[list[Face]]) -> None:
    detections = dict(enumerate(found))
    (first, tracks), (again, same) = track(detections, len(found)), track(detections, len(found))
    assert first == again
    for frame in range(len(found)):
        assert tracks.faces_at(frame / RATE) == same.faces_at(frame / RATE)
