"""What accuracy is measured of: our geometries, the published graph, the other packages."""

from __future__ import annotations

import math
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.environments import environment
from facedetect import Detector
from facedetect.evaluation.external import ExternalSubject
from facedetect.evaluation.subjects import BackendSubject, Subject
from facedetect.model.convert import convert
from facedetect.model.freeze import freeze
from facedetect.model.geometry import named_geometry
from facedetect.model.guards import WorkLimits

REFERENCE = "reference"
ACCURATE = "accurate"
PUBLISHED = "tf-mtcnn graph"
AVERAGED = "accurate, averaged"
_FOURTH_NET = "{} + fourth net"

_GEOMETRIES = {
    REFERENCE: named_geometry("reference"),
    ACCURATE: named_geometry("accurate"),
    AVERAGED: named_geometry("accurate", averages_landmarks=True),
}

_PROGRAM = Path(__file__).with_name("rival_detector.py")
_THREADS = 2
# As the built-in model has them: at the author's recipe a large picture is much work.
_LIMITS = WorkLimits(max_pyramid_pixels=2_000_000_000, max_image_pixels=2_000_000_000)


def build_models(
    folder: Path, published: Path | None = None, caffe: Path | None = None
) -> dict[str, Path]:
    """Build every geometry anew, also with the fourth net if `caffe` is given, and the graph.

    Answers that are kept stay of use: the same code builds the same model at the same place.
    """
    shutil.rmtree(folder, ignore_errors=True)
    models = {}
    weights = {"{}": None} if caffe is None else {"{}": None, _FOURTH_NET: caffe}
    with tempfile.TemporaryDirectory() as scratch:
        for words, source in weights.items():
            for geometry, numbers in _GEOMETRIES.items():
                name = words.format(geometry)
                frozen = Path(scratch, f"{name}.pb")
                freeze(frozen, geometry=numbers, caffe=source)
                models[name] = _convert(frozen, folder / name)
    if published is not None:
        models[PUBLISHED] = _convert(published, folder / PUBLISHED)
    return models


def with_other_boxes(models: Mapping[str, Path]) -> dict[str, Path]:
    """Those whose boxes differ: averaged landmarks and the fourth net change landmarks alone."""
    return {name: path for name, path in models.items() if name in (REFERENCE, ACCURATE, PUBLISHED)}


def subjects(models: dict[str, Path], rivals: list[str], timeout_s: float) -> list[Subject]:
    """Open our models, the reference first, and the packages."""
    ours: list[Subject] = [
        BackendSubject.open(name, f"embedded:{path}") for name, path in models.items()
    ]
    return [*ours, *(_rival(name, timeout_s) for name in rivals)]


@contextmanager
def opened_detectors(models: Mapping[str, Path]) -> Iterator[dict[str, Detector]]:
    """Open our models for timing, all in this process."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Detector(f"embedded:{path}", max_pyramid_pixels=math.inf))
            for name, path in models.items()
        }


def _rival(name: str, timeout_s: float) -> Subject:
    words = [environment(name), _PROGRAM, name, _THREADS]
    return ExternalSubject(name, shlex.join(map(str, words)), timeout_s=timeout_s)


def _convert(frozen: Path, folder: Path) -> Path:
    print(f"Building {folder.name}", flush=True)
    convert(frozen, folder, limits=_LIMITS)
    return folder
