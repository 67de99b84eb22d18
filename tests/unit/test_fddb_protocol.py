"""FDDB's scores: regions whose overlaps are known, and the official matching tried out in full."""

from __future__ import annotations

import math
from itertools import permutations
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedetect.evaluation.datasets.fddb import bounding_boxes
from facedetect.evaluation.detections import Found
from facedetect.evaluation.fddb import FDDBCurves, score_fddb
from facedetect.evaluation.truth import ALL, LabelledImage, Protocol, Truth
from tests.unit.labelled import found

SIZE = (400, 300)
Ellipse = tuple[float, float, float, float, float]


def picture(name: str, *ellipses: Ellipse) -> LabelledImage:
    rows = np.array(ellipses, float).reshape(-1, 5)
    counted = {ALL: np.ones(len(rows), bool)}
    return LabelledImage(name, Path(name), bounding_boxes(rows), counted, ellipses=rows, size=SIZE)


def score(images: list[LabelledImage], *answers: Found) -> FDDBCurves:
    return score_fddb(Truth(Protocol.FDDB, (ALL,), tuple(images)), answers)


def coverage(ellipse: Ellipse, box: tuple[float, ...]) -> float:
    """Intersection over union of one ellipse and one box."""
    return float(score([picture("a", ellipse)], found("a", (0.9, box))).continuous[-1])


def test_ellipse_covers_so_much_of_the_box_around_it() -> None:
    assert coverage((100, 60, 0, 200, 150), (100, 90, 300, 210)) == pytest.approx(
        math.pi / 4, abs=0.01
    )


def test_regions_end_at_the_edges_of_the_picture() -> None:
    """The halves outside are not there, neither of the ellipse nor of the box."""
    assert coverage((100, 60, 0, 0, 150), (-100, 90, 100, 210)) == pytest.approx(
        math.pi / 4, abs=0.01
    )


def test_box_far_outside_covers_the_picture_or_nothing() -> None:
    left, right = (100, 60, 0, 0, 150), (100, 60, 0, 399, 150)
    assert coverage(left, (-1e12, -1e12, 1e12, 1e12)) == coverage(left, (0, 0, 399, 299)) > 0
    assert coverage(right, (1e12, 0, 2e12, 299)) == 0
    assert coverage(left, (-2e12, 0, -1e12, 299)) == 0


@pytest.mark.parametrize("angle", [math.pi / 2, -math.pi / 2])
def test_angle_of_the_major_axis(angle: float) -> None:
    upright, lying = (140, 50, 260, 250), (100, 90, 300, 210)
    assert coverage((100, 60, angle, 200, 150), upright) == pytest.approx(math.pi / 4, abs=0.01)
    assert coverage((100, 60, angle, 200, 150), lying) < 0.6


def test_angle_turns_from_x_to_y() -> None:
    """Y points down, so the axis at 45 degrees goes to the lower right."""
    leaning = (100, 20, math.pi / 4, 200, 150)
    assert coverage(leaning, (240, 190, 250, 200)) > 0
    assert coverage(leaning, (240, 100, 250, 110)) == 0


def test_box_around_an_ellipse() -> None:
    boxes = bounding_boxes(np.array([(100, 60, 0, 200, 150), (100, 60, math.pi / 2, 200, 150)]))
    assert boxes.tolist() == [
        pytest.approx([100, 90, 300, 210]),
        pytest.approx([140, 50, 260, 250]),
    ]


def test_second_box_of_an_ellipse_is_a_false_positive() -> None:
    box = (100, 90, 300, 210)
    curves = score([picture("a", (100, 60, 0, 200, 150))], found("a", (0.9, box), (0.5, box)))
    assert curves.thresholds.tolist() == [0.9, 0.5]
    assert curves.discrete.tolist() == [1, 1]
    assert curves.false_positives.tolist() == [0, 1]


def test_box_that_covers_less_than_a_half_is_a_false_positive_that_counts_continuously() -> None:
    curves = score([picture("a", (100, 60, 0, 200, 150))], found("a", (0.9, (100, 90, 200, 150))))
    assert (curves.discrete.tolist(), curves.false_positives.tolist()) == ([0], [1])
    assert curves.continuous.tolist() == [
        pytest.approx(math.pi / 16 / (math.pi / 4 + 1 / 4 - math.pi / 16), abs=0.01)
    ]


def test_box_that_covers_exactly_a_half_is_a_false_positive() -> None:
    """The ellipse is drawn with 160 pixels, all of them in the box of 16 x 20."""
    curves = score([picture("a", (5, 9, 0, 200, 150))], found("a", (0.9, (193, 141, 208, 160))))
    assert curves.continuous.tolist() == [0.5]
    assert (curves.discrete.tolist(), curves.false_positives.tolist()) == ([0], [1])


def test_pairs_are_those_of_the_greatest_sum() -> None:
    """The box in the middle covers the left ellipse best, which is all that the other box has."""
    left, right = (60, 60, 0, 120, 150), (60, 60, 0, 140, 150)
    between, outer = (68, 90, 188, 210), (40, 90, 160, 210)
    curves = score([picture("a", left, right)], found("a", (0.9, between), (0.5, outer)))
    assert coverage(left, between) > coverage(right, between) > 0.5
    assert curves.discrete.tolist() == [1 / 2, 1]
    both = coverage(right, between) + coverage(left, outer)
    assert curves.continuous.tolist() == [
        pytest.approx(coverage(left, between) / 2),
        pytest.approx(both / 2),
    ]


def test_rates_are_of_all_faces_and_read_off_at_false_positives() -> None:
    ellipse, box, nowhere = (100, 60, 0, 200, 150), (100, 90, 300, 210), (0, 0, 20, 20)
    images = [picture(name, ellipse) for name in "abc"] + [picture("empty")]
    answers = (
        found("a", (0.9, box), (0.8, nowhere)),
        found("b", (0.5, box)),
        found("empty", (0.8, box)),
    )
    curves = score(images, *answers)
    assert curves.faces == 3
    assert curves.thresholds.tolist() == [0.9, 0.8, 0.5]
    assert curves.false_positives.tolist() == [0, 2, 2]
    assert curves.discrete == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert [curves.discrete_at(n) for n in (0, 1, 2, 100)] == pytest.approx(
        [1 / 3, 1 / 3, 2 / 3, 2 / 3]
    )
    assert curves.continuous_at(100) == pytest.approx(2 / 3 * math.pi / 4, abs=0.01)


def test_nothing_found_at_all() -> None:
    curves = score([picture("a", (100, 60, 0, 200, 150))], found("a"))
    assert len(curves.thresholds) == 0
    assert (curves.discrete_at(100), curves.continuous_at(100)) == (0, 0)


def drawn_overlap(ellipse: Ellipse, box: list[float]) -> float:
    masks = [np.zeros(SIZE[::-1], np.uint8) for _ in range(2)]
    major, minor, angle, x, y = ellipse
    axes = (int(major), int(minor))
    cv2.ellipse(masks[0], (round(x), round(y)), axes, math.degrees(angle), 0, 360, 1, -1)
    left, top, right, bottom = map(round, box)
    cv2.rectangle(masks[1], (left, top), (right, bottom), 1, -1)
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())


def best_pairs(ellipses: list[Ellipse], boxes: list[list[float]]) -> list[float]:
    """The overlaps of the pairing with the greatest sum, of all there are."""
    table = [[drawn_overlap(ellipse, box) for box in boxes] for ellipse in ellipses]
    blank = [0.0] * len(ellipses)
    rows = [[*row, *blank] for row in table]  # an ellipse may stay without a box
    choices = permutations(range(len(boxes) + len(ellipses)), len(ellipses))
    return max(
        ([row[column] for row, column in zip(rows, choice, strict=True)] for choice in choices),
        key=sum,
        default=[],
    )


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_curves_are_those_of_trying_every_pairing_at_every_score(seed: int) -> None:
    random = np.random.default_rng(seed)
    images, answers = [], []
    for name in "abc":
        ellipses = [
            (*random.uniform(30, 60, 2), random.uniform(-2, 2), *random.uniform(80, 160, 2))
            for _ in range(random.integers(0, 3))
        ]
        corners = random.uniform(40, 110, (random.integers(0, 4), 2))
        boxes = np.hstack([corners, corners + random.uniform(60, 110, corners.shape)])
        scores = random.choice([0.2, 0.5, 0.9], len(boxes))
        images.append(picture(name, *ellipses))
        answers.append(found(name, *zip(scores, boxes.tolist(), strict=True)))
    curves = score(images, *answers)
    faces = sum(len(image.boxes) for image in images) or 1
    for row, threshold in enumerate(curves.thresholds):
        pairs: list[float] = []
        taken = 0
        for image, answer in zip(images, answers, strict=True):
            assert image.ellipses is not None
            boxes = answer.boxes[answer.scores >= threshold]
            taken += len(boxes)
            pairs += best_pairs([tuple(e) for e in image.ellipses.tolist()], boxes.tolist())
        hits = sum(pair > 0.5 for pair in pairs)
        assert curves.continuous[row] == pytest.approx(sum(pairs) / faces)
        assert curves.discrete[row] == pytest.approx(hits / faces)
        assert curves.false_positives[row] == taken - hits
