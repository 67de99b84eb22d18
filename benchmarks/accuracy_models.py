"""The detectors whose accuracy is measured: our geometries, the published graph, other packages."""

from __future__ import annotations

import math
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.environments import environment
from facedetect import Detector
from facedetect.evaluation.detector_adapters import BackendAdapter, DetectorAdapter
from facedetect.evaluation.external_program import ExternalProgramAdapter
from facedetect.model.convert import convert
from facedetect.model.freeze import freeze
from facedetect.model.guards import WorkLimits
from facedetect.mtcnn.geometry import named_geometry

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
# Beyond the built-in model's limits: a large image at the author's recipe takes a lot of work.
_LIMITS = WorkLimits(max_pyramid_pixels=2_000_000_000, max_image_pixels=2_000_000_000)


def build_models(
    folder: Path, published: Path | None = None, caffe: Path | None = None
) -> dict[str, Path]:
    """Rebuild every geometry, also with the fourth net if `caffe` is given; convert the graph.

    Stored detections can be reused: the same code builds the same model at the same path.
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
    """Select models that differ in boxes; the others differ only in landmarks."""
    return {name: path for name, path in models.items() if name in (REFERENCE, ACCURATE, PUBLISHED)}


def open_adapters(
    models: Mapping[str, Path], rivals: Sequence[str], timeout_s: float
) -> list[DetectorAdapter]:
    """Open our models, the reference first, and the packages."""
    ours: list[DetectorAdapter] = [
        BackendAdapter.open(name, f"savedmodel:{path}") for name, path in models.items()
    ]
    return [*ours, *(_rival(name, timeout_s) for name in rivals)]


@contextmanager
def opened_detectors(models: Mapping[str, Path]) -> Iterator[dict[str, Detector]]:
    """Open our models in-process, to time them."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Detector(f"savedmodel:{path}", max_pyramid_pixels=math.inf))
            for name, path in models.items()
        }


def _rival(name: str, timeout_s: float) -> DetectorAdapter:
    command = [environment(name), _PROGRAM, name, _THREADS]
    return ExternalProgramAdapter(name, shlex.join(map(str, command)), timeout_s=timeout_s)


def _convert(frozen: Path, folder: Path) -> Path:
    print(f"Building {folder.name}", flush=True)
    convert(frozen, folder, limits=_LIMITS)
    return folder
