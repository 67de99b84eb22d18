from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from facedetect import DetectionParams, detection_params
from facedetect.errors import InvalidParams
from facedetect.presets import PRESETS, Preset


def test_balanced_are_the_defaults() -> None:
    assert PRESETS["balanced"] == DetectionParams()
    assert detection_params() == DetectionParams()
    assert set(PRESETS) == set(get_args(Preset))


def test_what_is_given_wins() -> None:
    found = detection_params("few-misses", factor=0.8, looks=4, thresholds=None)
    assert found == replace(PRESETS["few-misses"], factor=0.8, looks=4)


@pytest.mark.parametrize("unknown", ["best", 7, ["balanced"]])
def test_an_unknown_preset_says_which_there_are(unknown: Any) -> None:
    with pytest.raises(InvalidParams, match="one of few-misses, balanced, few-false-alarms; it is"):
        detection_params(unknown)


def test_no_preset_is_the_default_one() -> None:
    assert detection_params(None) == detection_params("balanced")


def test_a_misspelt_parameter_names_the_nearest() -> None:
    with pytest.raises(InvalidParams, match="minsize is not a parameter; did you mean min_size"):
        detection_params(minsize=20)
    with pytest.raises(InvalidParams, match="colour is not a parameter; there are preset, min_si"):
        detection_params(colour=1)


def test_few_misses_looks_for_larger_faces_where_the_work_would_be_too_much() -> None:
    params = PRESETS["few-misses"]
    assert params.fitted(640, 480, 50e6) == params
    fitted = params.fitted(4000, 3000, 50e6)
    assert fitted.min_size > params.min_size
    assert fitted == replace(params, min_size=fitted.min_size)
    assert fitted.pyramid_pixels(4000, 3000) <= 50e6


def test_a_given_min_size_is_refused_where_the_work_would_be_too_much() -> None:
    params = detection_params("few-misses", min_size=12)
    with pytest.raises(InvalidParams, match="use min_size"):
        params.fitted(4000, 3000, 50e6)
