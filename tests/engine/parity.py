"""Compare the engine with the TensorFlow graph: pictures, parameters, and differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from facedetect import DetectionParams
from facedetect.backends import Backend, InferenceRequest, open_backend
from facedetect.backends.base import RawDetections
from facedetect.engine.engine import instruction_sets
from facedetect.images import BGRImage, ImageLimits, load_image
from facedetect.model.caffe import read_caffe
from facedetect.model.convert import convert
from facedetect.model.freeze import freeze
from facedetect.mtcnn.geometry import named_geometry
from tests.conftest import optional_folder
from tests.engine.ties import TIES
from tests.model.cases import RECIPE, Case, pictures
from tests.model.graphs import OUTPUTS, Found, differences
from tests.model.test_landmark_net import random_arrays

# The tolerances of a face, px and probability.
BOUNDS = {"box": 0.01, "prob": 1e-4, "landmarks": 0.01}

PARAMS = [
    DetectionParams(),
    RECIPE,
    DetectionParams(min_size=8, factor=0.5),
    DetectionParams(min_size=37.5, factor=0.85),
    DetectionParams(min_size=50, factor=0.95, thresholds=(0.3, 0.3, 0.3)),
    DetectionParams(min_size=200),
]


@dataclass(frozen=True)
class Variant:
    """A model that both can run."""

    geometry: str = "accurate"
    landmarks: str = "single"
    fourth_net: str | None = None

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.geometry, self.landmarks, self.fourth_net)))

    def write(self, folder: Path) -> tuple[str, str]:
        """Write the model; return the URLs of the engine and of TensorFlow's backend."""
        weights = None
        if self.fourth_net:
            weights = folder / "weights.safetensors"
            save_file(dict(self._four_nets()), weights)
        averages = self.landmarks == "averaged"
        geometry = named_geometry(self.geometry, averages_landmarks=averages)
        freeze(folder / "mtcnn.pb", weights=weights, geometry=geometry)
        convert(folder / "mtcnn.pb", folder / "mtcnn")
        url = f"embedded:?geometry={self.geometry}&landmarks={self.landmarks}"
        return (f"{url}&weights={weights}" if weights else url), f"savedmodel:{folder / 'mtcnn'}"

    def _four_nets(self) -> Mapping[str, NDArray[np.float32]]:
        if self.fourth_net == "author":
            return read_caffe(optional_folder("reference", "FACEDETECT_REFERENCE_DIR"))
        return random_arrays()


@dataclass(frozen=True)
class Pair:
    """TensorFlow's backend, and the engine's for each of this CPU's instruction sets."""

    variant: Variant
    graph: Backend
    engines: dict[str, Backend]


@contextmanager
def opened(variant: Variant, folder: Path) -> Iterator[Pair]:
    """Write a model to the folder and open it in TensorFlow and in the engine."""
    engine_url, graph_url = variant.write(folder)
    with ExitStack() as stack:
        graph = stack.enter_context(closing(open_backend(graph_url)))
        engines = {
            name: stack.enter_context(closing(open_backend(f"{engine_url}&instruction_set={name}")))
            for name in instruction_sets()
        }
        yield Pair(variant, graph, engines)


@dataclass
class Summary:
    """The result of comparing many cases."""

    cases: int = 0
    faces: int = 0
    largest: dict[str, float] = field(default_factory=lambda: dict.fromkeys(OUTPUTS, 0.0))
    ties: list[str] = field(default_factory=list)
    different: dict[str, str] = field(default_factory=dict)

    def compare(self, name: str, ours: RawDetections, theirs: RawDetections) -> None:
        """Record how far the engine's answer is from the graph's."""
        self.cases += 1
        self.faces += len(theirs.prob)
        try:
            found = differences(arrays_of(ours), arrays_of(theirs))
        except AssertionError as error:
            self.different[name] = str(error)
            return
        largest = {output: float(values.max(initial=0)) for output, values in found.items()}
        tie = TIES.get(name)
        if tie and all(value <= getattr(tie, output) for output, value in largest.items()):
            self.ties.append(name)
        elif all(largest[output] <= bound for output, bound in BOUNDS.items()):
            for output, value in largest.items():
                self.largest[output] = max(self.largest[output], value)
        else:
            self.different[name] = ", ".join(f"{key} {value:.3g}" for key, value in largest.items())

    def __str__(self) -> str:
        largest = ", ".join(f"{output} {value:.2g}" for output, value in self.largest.items())
        lines = [f"{self.cases} cases, {self.faces} faces; largest differences: {largest}"]
        lines += [f"  {name}: a tie, {TIES[name].reason}" for name in self.ties]
        return "\n".join(lines + [f"  {name}: {why}" for name, why in self.different.items()])


def arrays_of(raw: RawDetections) -> Found:
    return {output: getattr(raw, output) for output in OUTPUTS}


def small_pictures(astronaut: BGRImage, hopper: BGRImage) -> Iterator[tuple[str, BGRImage]]:
    """Yield crops and thinned copies of 12 to 30 px per side, and odd shapes."""
    random = np.random.default_rng(3)
    for name, picture in (("astronaut", astronaut), ("hopper", hopper)):
        for side in range(12, 31, 3):
            top, left = (random.integers(0, size - 8 * side) for size in picture.shape[:2])
            yield f"{name}-cut-{side}", picture[top : top + side, left : left + side + side // 4]
    face = astronaut[50:200, 160:290]
    for step in range(5, 10):
        yield f"face-thinned-{step}", face[::step, ::step]
    for height, width in ((9, 400), (400, 9), (1, 600), (600, 1), (23, 24), (97, 31)):
        noise = random.integers(0, 256, (height, width, 3), np.uint8)
        yield f"noise-{width}x{height}", noise
    for value in (0, 127, 128, 255):
        yield f"constant-{value}", np.full((61, 83, 3), value, np.uint8)
    yield "noise", random.integers(0, 256, (211, 307, 3), np.uint8)


def plain_cases(astronaut: BGRImage, hopper: BGRImage) -> Iterator[Case]:
    """Yield the photographs and odd pictures, each with different parameters."""
    chosen = {**pictures(), **dict(small_pictures(astronaut, hopper))}
    for index, (name, image) in enumerate(chosen.items()):
        yield Case(name, image, PARAMS[index % len(PARAMS)])


def labelled_cases(paths: list[Path]) -> Iterator[Case]:
    """Yield the photographs, each with different parameters."""
    for index, path in enumerate(paths):
        params = PARAMS[index % len(PARAMS)]
        yield Case(path.stem, load_image(path, ImageLimits()), params)


def compare(pair: Pair, cases: Iterable[Case], sets: Sequence[str]) -> None:
    """Compare the engine with the graph; print how near they are and fail if they differ.

    `sets` are the instruction sets with which it runs.
    """
    summaries = {name: Summary() for name in sets}
    for case in cases:
        theirs = run(pair.graph, case)
        for name, summary in summaries.items():
            ours = run(pair.engines[name], case)
            summary.compare(f"{pair.variant.name} {case.name}", ours, theirs)
    for name, summary in summaries.items():
        print(f"{pair.variant.name}, {name}: {summary}")
    for summary in summaries.values():
        assert not summary.different
        assert summary.faces > 0


def run(backend: Backend, case: Case) -> RawDetections:
    return backend.predict(InferenceRequest(np.ascontiguousarray(case.image), case.params))
