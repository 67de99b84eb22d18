"""WIDER FACE's protocol: cases worked out by hand, and the official steps in slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedetect.evaluation.truth import ALL, LabelledImage
from facedetect.evaluation.wider import Curve, difference, score_wider
from tests.unit.labelled import found, labelled, wider_truth
from tests.unit.official_wider import THRESHOLDS, Numbers, Picture, evaluate

FACE, OTHER, NOWHERE = (0, 0, 9, 9), (50, 50, 59, 59), (200, 200, 209, 209)


def curve_of(image: LabelledImage, *faces: tuple[float, tuple[float, ...]]) -> Curve:
    """The curve of what is found in one picture with one subset."""
    (curve,) = score_wider(wider_truth(image), [found(image.name, *faces)]).values()
    return curve


def test_average_precision_of_a_known_curve() -> None:
    curve = curve_of(labelled("a", [FACE, OTHER]), (8, FACE), (4, NOWHERE), (0, OTHER))
    assert curve.average_precision == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)
    assert curve.faces == 2
    # Scores are spread over 0..1: at 0.999 there is the first, at 0.5 the second, at 0 the third.
    assert curve.thresholds[[0, 499, 999]] == pytest.approx([0.999, 0.5, 0])
    assert curve.precision[[0, 498, 499, 998, 999]] == pytest.approx([1, 1, 1 / 2, 1 / 2, 2 / 3])
    assert curve.recall[[0, 499, 998, 999]] == pytest.approx([1 / 2, 1 / 2, 1 / 2, 1])
    assert curve.false_alarms[[0, 498, 499, 999]].tolist() == [0, 0, 1, 1]


def test_operating_point_is_of_all_answers() -> None:
    boxes = [FACE, OTHER, (100, 0, 109, 9)]
    faces = (0.9, FACE), (0.8, NOWHERE), (0.7, OTHER), (0.69999, (300, 0, 309, 9))
    point = curve_of(labelled("a", boxes), *faces).operating_point
    assert (point.found, point.missed, point.false_alarms) == (2, 1, 2)
    assert [point.precision, point.recall] == pytest.approx([1 / 2, 2 / 3])


def test_second_detection_of_a_face_is_a_false_alarm() -> None:
    point = curve_of(labelled("a", [FACE]), (0.9, FACE), (0.5, FACE)).operating_point
    assert (point.found, point.false_alarms) == (1, 1)


def test_second_detection_does_not_go_to_the_next_face() -> None:
    """It overlaps both faces enough, and the one that is found already the most."""
    beside = (2, 0, 11, 9)
    point = curve_of(labelled("a", [FACE, beside]), (0.9, FACE), (0.5, FACE)).operating_point
    assert (point.found, point.missed, point.false_alarms) == (1, 1, 1)


@pytest.mark.parametrize(("counted", "is_found"), [(0, True), (1, False)])
def test_of_equal_overlaps_the_first_label_has_it(counted: int, *, is_found: bool) -> None:
    left, between, right = (0, 0, 9, 9), (2, 0, 11, 9), (4, 0, 13, 9)
    point = curve_of(labelled("a", [left, right], some=[counted]), (0.9, between)).operating_point
    assert (point.found == 1) is is_found
    assert point.false_alarms == 0  # it is of an ignored face otherwise


def test_detection_of_an_ignored_face_does_not_count() -> None:
    image = labelled("a", [FACE, OTHER], some=[0])
    curve = curve_of(image, (0.9, OTHER), (0.8, OTHER), (0.5, FACE))
    assert curve.average_precision == 1
    assert curve.operating_point.false_alarms == 0
    assert curve.faces == 1


def test_each_subset_has_its_own_faces() -> None:
    image = labelled("a", [FACE, OTHER], easy=[0], hard=[0, 1])
    curves = score_wider(wider_truth(image), [found("a", (0.9, OTHER), (0.1, NOWHERE))])
    points = {subset: curve.operating_point for subset, curve in curves.items()}
    assert {s: (p.found, p.missed, p.false_alarms) for s, p in points.items()} == {
        "easy": (0, 1, 1),
        "hard": (1, 1, 1),
    }


@pytest.mark.parametrize(("height", "is_found"), [(4, True), (3, False)])
def test_last_pixel_belongs_to_a_box(height: int, *, is_found: bool) -> None:
    """10 x 5 of 10 x 10 pixels are exactly a half; counted without the last ones, 9 x 4 of 9 x 9,
    they would be less."""
    point = curve_of(labelled("a", [FACE]), (0.9, (0, 0, 9, height))).operating_point
    assert (point.found == 1) is is_found


def test_least_overlap_can_be_chosen() -> None:
    truth = wider_truth(labelled("a", [FACE]))
    answers = [found("a", (0.9, (0, 0, 9, 6)))]  # 0.7
    recalls = [score_wider(truth, answers, iou=iou)[ALL].recall[-1] for iou in (0.5, 0.7, 0.71)]
    assert recalls == [1, 1, 0]


def test_pictures_without_faces_or_without_answers() -> None:
    truth = wider_truth(
        labelled("empty", []), labelled("unanswered", [FACE]), labelled("a", [FACE])
    )
    answers = [found("empty", (0.4, FACE)), found("a", (0.9, FACE)), found("unanswered")]
    for given_answers in (answers, answers[:2]):
        curve = score_wider(truth, given_answers)[ALL]
        point = curve.operating_point
        assert (point.found, point.missed, point.false_alarms) == (1, 1, 1)
        assert curve.average_precision == pytest.approx(1 / 2)


def test_nothing_found_at_all() -> None:
    curve = score_wider(wider_truth(labelled("a", [FACE])), [found("a")])[ALL]
    assert (curve.average_precision, curve.recall_at(100)) == (0, 0)
    assert curve.operating_point.precision == 1  # no false alarm


def test_scores_that_are_all_equal_are_all_the_highest() -> None:
    curve = curve_of(labelled("a", [FACE, OTHER]), (0.9, FACE), (0.9, NOWHERE))
    assert set(curve.precision) == {0.5}
    assert curve.average_precision == 1 / 4


def test_answers_in_any_order_are_taken_by_falling_score() -> None:
    curve = curve_of(labelled("a", [FACE]), (0.1, NOWHERE), (0.9, FACE))
    assert curve.average_precision == 1


def test_recall_at_so_many_false_alarms() -> None:
    faces = (0.9, FACE), (0.8, NOWHERE), (0.5, OTHER), (0.1, NOWHERE)
    curve = curve_of(labelled("a", [FACE, OTHER]), *faces)
    assert [curve.recall_at(alarms) for alarms in (0, 0.5, 1, 2, 9)] == [0.5, 0.5, 1, 1, 1]


def test_difference_of_a_run_and_itself_is_nothing() -> None:
    """Whichever pictures are drawn, though they are not equally hard."""
    names = [str(number) for number in range(6)]
    answers = [found(name, (1 - 0.1 * row, FACE)) for row, name in enumerate(names[:3])]
    truth = wider_truth(*(labelled(name, [FACE]) for name in names))
    curve = score_wider(truth, answers)[ALL]
    interval = difference(curve, curve, rounds=20, seed=1)
    assert (interval.measured, interval.low, interval.high) == (0, 0, 0)


def test_interval_holds_what_other_pictures_would_have_given() -> None:
    """Of two pictures, the one with the merit is drawn twice, once or never."""
    truth = wider_truth(labelled("a", [FACE]), labelled("b", [FACE]))
    one = score_wider(truth, [found("a", (0.9, FACE))])[ALL]
    other = score_wider(truth, [])[ALL]
    interval = difference(one, other, rounds=400, seed=3)
    assert (interval.measured, interval.low, interval.high) == (0.5, 0, 1)
    assert difference(one, other, rounds=400, seed=3) == interval
    assert difference(other, one, rounds=400, seed=3).measured == -0.5


def test_pictures_are_drawn_for_both_runs_alike() -> None:
    """One finds a face more in each picture: it is ahead whichever pictures are drawn."""
    names = [str(number) for number in range(6)]
    truth = wider_truth(*(labelled(name, [FACE, OTHER]) for name in names))
    one = score_wider(truth, [found(name, (0.9, FACE), (0.8, OTHER)) for name in names])[ALL]
    other = score_wider(truth, [found(name, (0.9, FACE)) for name in names])[ALL]
    interval = difference(one, other, rounds=50, seed=0)
    assert (interval.low, interval.high) == pytest.approx((0.5, 0.5))


def test_interval_is_of_all_rounds_and_holds_95_of_100() -> None:
    """All that is found is right, and of one score: the area is the share of faces found."""
    faces = np.arange(1, 13)  # of each picture, so that hardly two draws come to the same
    boxes = [[(20 * row, 0, 20 * row + 9, 9) for row in range(count)] for count in faces]
    truth = wider_truth(*(labelled(f"{row}", corners) for row, corners in enumerate(boxes)))
    answers = [found(f"{row}", *((0.9, box) for box in c)) for row, c in enumerate(boxes)]
    one, other = (score_wider(truth, answers[:count])[ALL] for count in (9, 4))
    drawn = np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), size=1101) * faces
    shares = drawn[:, 4:9].sum(axis=1) / drawn.sum(axis=1)
    interval = difference(one, other, rounds=1101, seed=3)
    expected = np.percentile(shares, [2.5, 97.5]).tolist()
    assert [interval.low, interval.high] == pytest.approx(expected)


def random_pictures(seed: int) -> list[Picture]:
    """Boxes close to each other, so that they overlap and tie; few scores, so that they do, too."""
    random = np.random.default_rng(seed)

    def boxes(most: int, least: int = 0) -> list[Numbers]:
        count = random.integers(least, most + 1)
        corners, sizes = random.integers(0, 8, (count, 2)), random.integers(0, 9, (count, 2))
        return list(np.hstack([corners, sizes]).astype(float).tolist())

    pictures: list[Picture] = []
    for _ in range(random.integers(1, 5)):
        labels = boxes(6, least=1)
        counted = {row for row in range(len(labels)) if random.random() < 0.7}
        detections: list[Numbers] = [
            [*box, float(random.choice([0.2, 0.5, 0.7001, 0.9]))] for box in boxes(9)
        ]
        pictures.append((labels, counted, detections))
    pictures[0][1].add(0)  # a face to be found, and two scores
    pictures[0][2].extend([[0, 0, 4, 4, 0.1], [3, 3, 4, 4, 0.95]])
    return pictures


def corners_of(box: Numbers) -> Numbers:
    return [box[0], box[1], box[0] + box[2], box[1] + box[3]]


@given(seed=st.integers(0, 2**32 - 1), iou=st.sampled_from([0.3, 0.5, 0.75]))
@settings(max_examples=25, deadline=None)
def test_curve_is_that_of_the_official_steps(seed: int, iou: float) -> None:
    pictures = random_pictures(seed)
    precision, recall, area = evaluate(pictures, iou)
    truth = wider_truth(
        *(
            labelled(str(row), [corners_of(box) for box in labels], some=sorted(counted))
            for row, (labels, counted, _) in enumerate(pictures)
        )
    )
    answers = [
        found(str(row), *((d[4], corners_of(d)) for d in detections))
        for row, (_, _, detections) in enumerate(pictures)
    ]
    curve = score_wider(truth, answers, iou=iou)["some"]
    assert curve.average_precision == pytest.approx(area, abs=1e-12)
    assert curve.recall.tolist() == pytest.approx(recall, abs=1e-12)
    assert len(curve.precision) == THRESHOLDS
    for ours, theirs in zip(curve.precision, precision, strict=True):
        assert theirs is None or ours == pytest.approx(theirs, abs=1e-12)
