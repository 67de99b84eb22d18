from __future__ import annotations

import cmath
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedetect.detection_params import DetectionParams, parse_rotations, parse_thresholds
from facedetect.errors import InvalidParams
from facedetect.faces import Face, Landmarks, Point
from tests.conftest import face_at


def test_defaults_are_those_of_the_author() -> None:
    params = DetectionParams()
    assert (params.min_size, params.factor, params.thresholds) == (20, 0.709, (0.6, 0.7, 0.7))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_size": 7.9}, "min_size must be at least 8; it is 7.9"),
        (
            {"min_size": math.inf},
            "min_size must be at least 8; it is inf, not a finite number",
        ),
        (
            {"min_size": math.nan},
            "min_size must be at least 8; it is nan, not a finite number",
        ),
        ({"factor": 1.0}, "factor must be from 0.1 to 0.95; it is 1"),
        ({"factor": 0.05}, "factor must be from 0.1 to 0.95; it is 0.05"),
        (
            {"factor": math.nan},
            "factor must be from 0.1 to 0.95; it is nan, not a finite number",
        ),
        ({"thresholds": (0.6, 0.7)}, "thresholds has 2 values; give three"),
        ({"thresholds": (0.6, 1.0, 0.7)}, "each threshold must be between 0 and 1; it is 1"),
        ({"thresholds": (0.0, 0.7, 0.7)}, "each threshold must be between 0 and 1; it is 0"),
        (
            {"thresholds": (0.6, 0.7, math.nan)},
            "must be between 0 and 1; it is nan, not a finite number",
        ),
        ({"min_confidence": -0.1}, "min_confidence must be from 0 to 1; it is -0.1"),
        (
            {"min_confidence": math.nan},
            "min_confidence must be from 0 to 1; it is nan, not a finite number",
        ),
        ({"rotations": ()}, "rotations must be auto, or some of 0,90,180,270, each once; it is ()"),
        ({"rotations": (0, 45)}, "rotations must be auto, or some of 0,90,180,270"),
        ({"rotations": (0, 0)}, "rotations must be auto, or some of 0,90,180,270, each once"),
        ({"looks": 0}, "looks must be an integer from 1 to 6; it is 0"),
        ({"looks": 7}, "looks must be an integer from 1 to 6; it is 7"),
        ({"looks": 1.5}, "looks must be an integer from 1 to 6; it is 1.5"),
        ({"looks": "2"}, "looks must be an integer from 1 to 6; it is '2'"),
        (
            {"min_size": "40"},
            "min_size must be at least 8; it is '40', not a finite number",
        ),
        (
            {"min_size": True},
            "min_size must be at least 8; it is True, not a finite number",
        ),
        (
            {"min_size": (40,)},
            "min_size must be at least 8; it is (40,), not a finite number",
        ),
        (
            {"factor": None},
            "factor must be from 0.1 to 0.95; it is None, not a finite number",
        ),
        ({"thresholds": 0.5}, "three numbers such as (0.6, 0.7, 0.7); it is 0.5"),
        ({"thresholds": "0.6,0.7,0.7"}, "three numbers such as (0.6, 0.7, 0.7); it is '0.6"),
        (
            {"thresholds": ("0.6", 0.7, 0.7)},
            "between 0 and 1; it is '0.6', not a finite number",
        ),
        ({"rotations": 90}, "each once; it is 90; write one as (90,)"),
        ({"rotations": "0,90"}, "rotations must be auto, or some of 0,90,180,270"),
        ({"rotations": [[0]]}, "rotations must be auto, or some of 0,90,180,270"),
    ],
)
def test_values_out_of_bounds_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidParams, match=re.escape(message)):
        DetectionParams(**arguments)  # type: ignore[arg-type]


def test_whole_floats_lists_and_numpy_values_are_the_same_as_plain_ones() -> None:
    values: dict[str, Any] = {
        "min_size": np.float32(40),
        "looks": 2.0,
        "rotations": [0.0, np.int64(90)],
        "thresholds": np.array([0.5, 0.25, 0.75]),
    }
    plain = DetectionParams(40, thresholds=(0.5, 0.25, 0.75), rotations=(0, 90), looks=2)
    assert DetectionParams(**values) == plain
    assert hash(DetectionParams(**values)) == hash(plain)


@given(
    width=st.integers(1, 20_000),
    height=st.integers(1, 20_000),
    min_size=st.floats(8, 500),
    factor=st.floats(0.1, 0.95),
)
def test_pyramid_pixels_bound_the_levels_summed_up(
    width: int, height: int, min_size: float, factor: float
) -> None:
    scale, pixels = 12 / min_size, 0.0
    while min(width, height) * scale > 12:
        pixels += width * scale * height * scale
        scale *= factor
    predicted = DetectionParams(min_size, factor).pyramid_pixels(width, height)
    assert pixels <= predicted * (1 + 1e-9)


@given(
    width=st.integers(1, 20_000),
    height=st.integers(1, 20_000),
    min_size=st.floats(8, 500),
    factor=st.floats(0.1, 0.95),
    limit=st.floats(1e3, 1e8),
)
def test_too_much_work_names_a_min_size_that_passes(
    width: int, height: int, min_size: float, factor: float, limit: float
) -> None:
    try:
        DetectionParams(min_size, factor).check_work(width, height, limit)
    except InvalidParams as error:
        least = float(str(error).split("use min_size ")[1].split()[0])
        assert least > min_size
        DetectionParams(least, factor).check_work(width, height, limit)


def test_thresholds_are_read_from_text() -> None:
    assert parse_thresholds("0.5, 0.6,0.7") == (0.5, 0.6, 0.7)


@pytest.mark.parametrize("text", ["", "0.5", "0.5,0.6", "0.5,0.6,0.7,0.8", "a,b,c"])
def test_other_thresholds_are_refused(text: str) -> None:
    with pytest.raises(InvalidParams, match="three numbers"):
        parse_thresholds(text)


@pytest.mark.parametrize(
    ("text", "rotations"),
    [("auto", "auto"), ("0", (0,)), ("0, 90,270", (0, 90, 270)), ("180,0", (180, 0))],
)
def test_rotations_are_read_from_text(text: str, rotations: object) -> None:
    assert parse_rotations(text) == rotations


@pytest.mark.parametrize("text", ["", "45", "0,auto", "0;90", "0,90,", "-90", "0.0"])
def test_other_rotations_are_refused(text: str) -> None:
    with pytest.raises(InvalidParams, match="rotations must be auto, or some of 0,90,180,270"):
        parse_rotations(text)


@pytest.mark.parametrize("degrees", [0, 30, 90, 179, -45, -90, -179])
def test_roll_is_how_far_a_face_is_turned_clockwise(degrees: float) -> None:
    face = face_at(0, 0, side=10, confidence=0.9)
    turn = cmath.rect(1, math.radians(degrees))  # y points down, so this is clockwise
    marks = [complex(point.x, point.y) * turn for point in face.landmarks]
    turned = Face(face.box, 0.9, Landmarks(*(Point(mark.real, mark.imag) for mark in marks)))
    assert turned.roll_deg == pytest.approx(degrees)


def test_a_profile_has_a_roll() -> None:
    x_of_all, ys = 5, (4, 4, 6, 8, 8)
    marks = Landmarks(*(Point(x_of_all, y) for y in ys))
    assert Face(face_at(0, 0, side=10, confidence=0.9).box, 0.9, marks).roll_deg == 0


def test_a_face_is_read_back_from_its_dict() -> None:
    face = face_at(1.25, 2.5, side=40, confidence=0.75)
    assert Face.from_dict(face.to_dict()) == face
    with pytest.raises(KeyError, match="box"):
        Face.from_dict({})
