"""Average precision: cases worked out by hand, and the official steps as slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedetect.evaluation.average_precision import (
    THRESHOLDS,
    PrecisionRecallCurve,
    score_boxes,
)
from facedetect.evaluation.dataset import ALL, LabelledImage
from tests.conftest import examples
from tests.unit.evaluation_data import dataset_of, detections, labelled
from tests.unit.official_wider import THRESHOLD_COUNT, Numbers, OfficialImage, evaluate

FACE, OTHER, NOWHERE = (0, 0, 9, 9), (50, 50, 59, 59), (200, 200, 209, 209)


def curve_of(image: LabelledImage, *faces: tuple[float, tuple[float, ...]]) -> PrecisionRecallCurve:
    """The curve of one image with one subset."""
    (curve,) = score_boxes(dataset_of(image), [detections(image.name, *faces)]).values()
    return curve


def test_average_precision_of_a_known_curve() -> None:
    curve = curve_of(labelled("a", [FACE, OTHER]), (8, FACE), (4, NOWHERE), (0, OTHER))
    assert curve.average_precision == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)
    assert curve.faces == 2
    # Normalised to 0..1, the scores pass these thresholds one after the other.
    assert THRESHOLDS[[0, 499, 999]] == pytest.approx([0.999, 0.5, 0])
    assert curve.precision[[0, 498, 499, 998, 999]] == pytest.approx([1, 1, 1 / 2, 1 / 2, 2 / 3])
    assert curve.recall[[0, 499, 998, 999]] == pytest.approx([1 / 2, 1 / 2, 1 / 2, 1])
    assert curve.false_positives[[0, 498, 499, 999]].tolist() == [0, 0, 1, 1]


def test_operating_point_has_all_detections() -> None:
    boxes = [FACE, OTHER, (100, 0, 109, 9)]
    faces = (0.9, FACE), (0.8, NOWHERE), (0.7, OTHER), (0.69999, (300, 0, 309, 9))
    point = curve_of(labelled("a", boxes), *faces).operating_point
    assert (point.true_positives, point.false_negatives, point.false_positives) == (2, 1, 2)
    assert [point.precision, point.recall] == pytest.approx([1 / 2, 2 / 3])


def test_second_detection_of_a_face_is_a_false_positive() -> None:
    point = curve_of(labelled("a", [FACE]), (0.9, FACE), (0.5, FACE)).operating_point
    assert (point.true_positives, point.false_positives) == (1, 1)


def test_second_detection_does_not_match_another_face() -> None:
    """It overlaps both faces enough, but most the one that is matched already."""
    beside = (2, 0, 11, 9)
    point = curve_of(labelled("a", [FACE, beside]), (0.9, FACE), (0.5, FACE)).operating_point
    assert (point.true_positives, point.false_negatives, point.false_positives) == (1, 1, 1)


@pytest.mark.parametrize(("counted", "is_true"), [(0, True), (1, False)])
def test_of_equal_overlaps_the_first_label_is_matched(counted: int, *, is_true: bool) -> None:
    left, between, right = (0, 0, 9, 9), (2, 0, 11, 9), (4, 0, 13, 9)
    point = curve_of(labelled("a", [left, right], some=[counted]), (0.9, between)).operating_point
    assert (point.true_positives == 1) is is_true
    assert point.false_positives == 0  # otherwise it matches an ignored face


def test_detection_of_an_ignored_face_does_not_count() -> None:
    image = labelled("a", [FACE, OTHER], some=[0])
    curve = curve_of(image, (0.9, OTHER), (0.8, OTHER), (0.5, FACE))
    assert curve.average_precision == 1
    assert curve.operating_point.false_positives == 0
    assert curve.faces == 1


def test_each_subset_has_its_own_faces() -> None:
    image = labelled("a", [FACE, OTHER], easy=[0], hard=[0, 1])
    curves = score_boxes(dataset_of(image), [detections("a", (0.9, OTHER), (0.1, NOWHERE))])
    points = {subset: curve.operating_point for subset, curve in curves.items()}
    assert {
        s: (p.true_positives, p.false_negatives, p.false_positives) for s, p in points.items()
    } == {
        "easy": (0, 1, 1),
        "hard": (1, 1, 1),
    }


@pytest.mark.parametrize(("height", "is_true"), [(4, True), (3, False)])
def test_boxes_include_their_last_pixel(height: int, *, is_true: bool) -> None:
    """10 x 5 of 10 x 10 pixels are exactly a half; without the last pixels, 9 x 4 of 9 x 9 are
    less."""
    point = curve_of(labelled("a", [FACE]), (0.9, (0, 0, 9, height))).operating_point
    assert (point.true_positives == 1) is is_true


def test_iou_threshold_can_be_chosen() -> None:
    dataset = dataset_of(labelled("a", [FACE]))
    answers = [detections("a", (0.9, (0, 0, 9, 6)))]  # 0.7
    recalls = [score_boxes(dataset, answers, iou=iou)[ALL].recall[-1] for iou in (0.5, 0.7, 0.71)]
    assert recalls == [1, 1, 0]


def test_images_without_faces_or_detections() -> None:
    dataset = dataset_of(labelled("empty", []), labelled("missed", [FACE]), labelled("a", [FACE]))
    answers = [
        detections("empty", (0.4, FACE)),
        detections("missed"),
        detections("a", (0.9, FACE)),
    ]
    curve = score_boxes(dataset, answers)[ALL]
    point = curve.operating_point
    assert (point.true_positives, point.false_negatives, point.false_positives) == (1, 1, 1)
    assert curve.average_precision == pytest.approx(1 / 2)


def test_no_detections_at_all() -> None:
    curve = score_boxes(dataset_of(labelled("a", [FACE])), [detections("a")])[ALL]
    assert (curve.average_precision, curve.recall_at(100)) == (0, 0)
    assert curve.operating_point.precision == 1  # no false positive


def test_equal_scores_are_all_the_highest() -> None:
    curve = curve_of(labelled("a", [FACE, OTHER]), (0.9, FACE), (0.9, NOWHERE))
    assert set(curve.precision) == {0.5}
    assert curve.average_precision == 1 / 4


def test_detections_are_sorted_by_score() -> None:
    curve = curve_of(labelled("a", [FACE]), (0.1, NOWHERE), (0.9, FACE))
    assert curve.average_precision == 1


def test_recall_at_a_number_of_false_positives() -> None:
    faces = (0.9, FACE), (0.8, NOWHERE), (0.5, OTHER), (0.1, NOWHERE)
    curve = curve_of(labelled("a", [FACE, OTHER]), *faces)
    assert [curve.recall_at(count) for count in (0, 0.5, 1, 2, 9)] == [0.5, 0.5, 1, 1, 1]


def random_images(seed: int) -> list[OfficialImage]:
    """Close boxes, which overlap and tie; few scores, which tie as well."""
    random = np.random.default_rng(seed)

    def boxes(most: int, least: int = 0) -> list[Numbers]:
        count = random.integers(least, most + 1)
        corners, sizes = random.integers(0, 8, (count, 2)), random.integers(0, 9, (count, 2))
        return list(np.hstack([corners, sizes]).astype(float).tolist())

    images: list[OfficialImage] = []
    for _ in range(random.integers(1, 5)):
        labels = boxes(6, least=1)
        counted = {row for row in range(len(labels)) if random.random() < 0.7}
        detected: list[Numbers] = [
            [*box, float(random.choice([0.2, 0.5, 0.7001, 0.9]))] for box in boxes(9)
        ]
        images.append((labels, counted, detected))
    images[0][1].add(0)  # at least one face and two scores
    images[0][2].extend([[0, 0, 4, 4, 0.1], [3, 3, 4, 4, 0.95]])
    return images


def corners_of(box: Numbers) -> Numbers:
    return [box[0], box[1], box[0] + box[2], box[1] + box[3]]


@given(seed=st.integers(0, 2**32 - 1), iou=st.sampled_from([0.3, 0.5, 0.75]))
@examples(0.25)
def test_curve_equals_that_of_the_official_steps(seed: int, iou: float) -> None:
    images = random_images(seed)
    precision, recall, area = evaluate(images, iou)
    dataset = dataset_of(
        *(
            labelled(str(row), [corners_of(box) for box in labels], some=sorted(counted))
            for row, (labels, counted, _) in enumerate(images)
        )
    )
    answers = [
        detections(str(row), *((d[4], corners_of(d)) for d in detected))
        for row, (_, _, detected) in enumerate(images)
    ]
    curve = score_boxes(dataset, answers, iou=iou)["some"]
    assert curve.average_precision == pytest.approx(area, abs=1e-12)
    assert curve.recall.tolist() == pytest.approx(recall, abs=1e-12)
    assert len(curve.precision) == THRESHOLD_COUNT
    for ours, theirs in zip(curve.precision, precision, strict=True):
        assert theirs is None or ours == pytest.approx(theirs, abs=1e-12)
