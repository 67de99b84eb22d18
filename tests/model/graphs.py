"""Run frozen graphs by tensor names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedetect import DetectionParams
from facedetect.images import BGRImage
from facedetect.model.graph_files import import_graph, read_frozen_graph
from facedetect.model.session import open_session

OUTPUTS = ("box", "prob", "landmarks")
Found = dict[str, NDArray[np.float32]]


class FrozenGraph:
    def __init__(self, path: Path) -> None:
        self._session: Any = open_session(import_graph(read_frozen_graph(path), path))

    def detect(self, image: BGRImage, params: DetectionParams) -> Found:
        feeds = {
            "input:0": image.astype(np.float32),
            "min_size:0": params.min_size,
            "thresholds:0": params.thresholds,
            "factor:0": params.factor,
        }
        found: Found = self._session.run({name: f"{name}:0" for name in OUTPUTS}, feeds)
        return found

    def close(self) -> None:
        self._session.close()


def differences(ours: Found, theirs: Found) -> Found:
    """How much each face differs in each output, [n]; the counts must be equal.

    Faces are paired by their boxes: scores that are equal but for rounding may change places.
    """
    counts = len(ours["prob"]), len(theirs["prob"])
    assert counts[0] == counts[1], f"{counts[0]} faces, the reference has {counts[1]}"
    if counts[0] == 0:
        return {name: np.zeros(0, np.float32) for name in OUTPUTS}
    distances = np.abs(ours["box"][:, np.newaxis] - theirs["box"]).max(axis=2)
    pairs = distances.argmin(axis=1)
    assert len(set(pairs.tolist())) == counts[0], "two faces are nearest to the same one"
    found = {name: np.abs(ours[name] - theirs[name][pairs]) for name in OUTPUTS}
    return {name: array.reshape(counts[0], -1).max(axis=1) for name, array in found.items()}
