"""In the reference geometry our graph equals the published one, as recorded: 0.01 px and 1e-4.

tests/nightly/test_parity.py runs the published graph itself, also on many faces.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import DATA
from tests.model.cases import Case, cases
from tests.model.graphs import OUTPUTS, Found, FrozenGraph, differences

TOLERANCES = {"box": 0.01, "prob": 1e-4, "landmarks": 0.01}
CASES = list(cases())
RECORDED = json.loads((DATA / "tf-mtcnn.json").read_text())


def recorded(name: str) -> Found:
    shapes = {"box": (-1, 4), "prob": (-1,), "landmarks": (-1, 10)}
    row = RECORDED[name]
    return {key: np.array(row[key], np.float32).reshape(shapes[key]) for key in OUTPUTS}


def equal(found: Found) -> NDArray[np.bool_]:
    """Which faces are within the tolerances, [n]."""
    box, prob, landmarks = (found[name] <= TOLERANCES[name] for name in OUTPUTS)
    return box & prob & landmarks


def test_there_are_enough_cases_of_every_kind() -> None:
    faces = [len(recorded(case.name)["prob"]) for case in CASES]
    assert len(CASES) >= 40
    assert sum(count > 0 for count in faces) >= 25
    assert sum(count == 0 for count in faces) >= 20
    assert max(faces) >= 10


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_equal_to_the_recorded_outputs(our_reference: FrozenGraph, case: Case) -> None:
    found = our_reference.detect(case.image, case.params)
    assert equal(differences(found, recorded(case.name))).all()
