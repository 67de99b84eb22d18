"""The engine stops when told to and rejects invalid input, with any number of threads."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facedetect import DetectionParams
from facedetect.backends import InferenceRequest, open_backend
from facedetect.engine import _native
from facedetect.engine.engine import Engine, instruction_sets
from facedetect.errors import BackendTimeout, BackendUnavailable, InvalidParams, InvalidSettings
from facedetect.images import BGRImage
from facedetect.mtcnn.geometry import ACCURATE
from facedetect.mtcnn.weights import Weights, load_weights

PARAMS = DetectionParams()
Answer = tuple[NDArray[np.float32], ...]


@pytest.fixture(scope="module")
def weights() -> Weights:
    return load_weights(None)


@pytest.fixture
def engine(weights: Weights) -> Iterator[Engine]:
    with closing(Engine(weights, ACCURATE, threads=2)) as engine:
        yield engine


@pytest.fixture(scope="module")
def large(astronaut: BGRImage) -> BGRImage:
    """25 megapixels."""
    return np.tile(astronaut, (10, 10, 1))[:5000, :5000]


def are_equal(first: Answer, second: Answer) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_deadline_that_has_passed_ends_the_call(engine: Engine, astronaut: BGRImage) -> None:
    for timeout_s in (0.0, -1.0, 1e-9):
        with pytest.raises(BackendTimeout):
            engine.detect(astronaut, PARAMS, timeout_s)
    assert len(engine.detect(astronaut, PARAMS, 3600.0)[0]) == 1


def test_a_deadline_ends_a_call_at_any_point_of_it(engine: Engine, large: BGRImage) -> None:
    """Without a deadline, the same call would take many seconds."""
    smallest = DetectionParams(min_size=8, factor=0.95, thresholds=(0.3, 0.3, 0.3))
    for timeout_s in (0.01, 0.1, 1.0):
        with pytest.raises(BackendTimeout):
            engine.detect(large, smallest, timeout_s)


def test_closing_ends_running_calls(engine: Engine, large: BGRImage) -> None:
    smallest = DetectionParams(min_size=8, factor=0.95)
    started = threading.Barrier(4)

    def detect() -> None:
        started.wait()
        engine.detect(large, smallest)

    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(detect) for _ in range(3)]
        started.wait()
        engine.close()
        for call in calls:
            with pytest.raises(BackendUnavailable, match="closed"):
                call.result()
    engine.close()
    with pytest.raises(BackendUnavailable, match="closed"):
        engine.detect(large[:9, :9], PARAMS)


def test_a_hundred_threads_get_the_answer_of_one(engine: Engine, astronaut: BGRImage) -> None:
    images = [astronaut[top::2, ::2] for top in range(4)]
    expected = [engine.detect(image, PARAMS) for image in images]
    started = threading.Barrier(100)

    def detect(number: int) -> Answer:
        started.wait()
        return engine.detect(images[number % 4], PARAMS)

    with ThreadPoolExecutor(100) as pool:
        for number, answer in enumerate(pool.map(detect, range(100))):
            assert are_equal(answer, expected[number % 4])


def test_a_failing_call_does_no_harm_to_others(
    engine: Engine, astronaut: BGRImage, large: BGRImage
) -> None:
    expected = engine.detect(astronaut, PARAMS)
    with ThreadPoolExecutor(4) as pool:
        failing = [pool.submit(engine.detect, large, PARAMS, 0.02 * n) for n in range(4)]
        for _ in range(10):
            assert are_equal(engine.detect(astronaut, PARAMS), expected)
        for call in failing:
            assert isinstance(call.exception(), BackendTimeout)


def _detect_in_child(engine: Engine, image: BGRImage, results: Connection) -> None:
    results.send(engine.detect(image, PARAMS))
    with pytest.raises(BackendTimeout):
        engine.detect(image, PARAMS, 0.0)
    del engine._cascade  # noqa: SLF001 - its destructor must not wait for threads
    results.send("freed")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_can_detect(engine: Engine, astronaut: BGRImage) -> None:
    expected = engine.detect(astronaut, PARAMS)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_detect_in_child, args=(engine, astronaut, theirs))
    child.start()
    try:
        assert ours.poll(60), "the child does not answer"
        assert are_equal(ours.recv(), expected)
        assert ours.poll(60), "the child cannot free the engine"
        assert ours.recv() == "freed"
    finally:
        child.kill()
        child.join()
    assert are_equal(engine.detect(astronaut, PARAMS), expected), "the parent is as it was"


def test_images_in_any_layout(engine: Engine, astronaut: BGRImage) -> None:
    views = {
        "reversed": astronaut[::-1, ::-1],
        "thinned": astronaut[::2, ::3],
        "columns first": np.asfortranarray(astronaut),
        "channels reversed": astronaut[..., ::-1],
        "cut": astronaut[40:200, 150:300],
    }
    for name, view in views.items():
        read_only = np.array(view, order="C")
        read_only.flags.writeable = False
        expected = engine.detect(read_only, PARAMS)
        assert are_equal(engine.detect(view, PARAMS), expected), name
    assert len(engine.detect(views["cut"], PARAMS)[0]) == 1


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((40, 40), np.uint8),
        np.zeros((40, 40, 1), np.uint8),
        np.zeros((40, 40, 4), np.uint8),
        np.zeros((1, 40, 40, 3), np.uint8),
        np.zeros((40, 40, 3), np.float32),
        np.zeros((40, 40, 3), np.int8),
        np.zeros((40, 40, 3), np.uint16),
        np.zeros((40, 40, 3), bool),
        np.array(7, np.uint8),
        np.array([["a"]], object),
    ],
    ids=lambda image: f"{image.dtype}{list(image.shape)}",
)
def test_other_shapes_and_types_are_refused(engine: Engine, image: NDArray[Any]) -> None:
    with pytest.raises(TypeError):
        engine.detect(image, PARAMS)
    with pytest.raises(InvalidParams, match="the image must be"):
        open_backend("embedded:").predict(InferenceRequest(image))


@pytest.mark.parametrize("shape", [(0, 40, 3), (40, 0, 3), (0, 0, 3), (1, 1, 3), (8, 8, 3)])
def test_an_image_without_a_level_has_no_faces(engine: Engine, shape: tuple[int, ...]) -> None:
    prob, landmarks, box = engine.detect(np.zeros(shape, np.uint8), PARAMS)
    assert (prob.shape, landmarks.shape, box.shape) == ((0,), (0, 10), (0, 4))


def test_thresholds_and_sizes_at_their_ends(engine: Engine, astronaut: BGRImage) -> None:
    cut = astronaut[40:140, 160:260]
    never = DetectionParams(thresholds=(1 - 1e-12,) * 3)
    assert len(engine.detect(cut, never)[0]) == 0, "in float32 the threshold is 1"
    always = DetectionParams(thresholds=(1e-300, 1e-300, 1e-300))
    assert len(engine.detect(cut, always)[0]) > 1, "in float32 the threshold is 0"
    assert len(engine.detect(cut, DetectionParams(min_size=1e30))[0]) == 0


def test_an_unknown_instruction_set_is_an_error_that_lists_the_known_ones(
    weights: Weights,
) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Engine(weights, ACCURATE, instruction_set="mmx")
    assert "'mmx'" in str(caught.value)
    for name in [*instruction_sets(), "plain"]:
        assert name in str(caught.value)


@pytest.mark.parametrize("instruction_set", instruction_sets())
def test_other_weights_are_not_screened_and_answer_alike(
    weights: Weights, astronaut: BGRImage, instruction_set: str
) -> None:
    """A net that differs in the last bit finds the same faces, but is not calibrated."""
    layer = weights.pnet["conv1"]
    bias = np.nextafter(layer.bias, np.float32(np.inf), dtype=np.float32)
    other = replace(weights, pnet={**weights.pnet, "conv1": replace(layer, bias=bias)})
    own, changed = (
        Engine(each, ACCURATE, instruction_set=instruction_set) for each in (weights, other)
    )
    screened, _ = own.cell_logits(astronaut, 0.5)
    elements = dict(_native.instruction_sets())
    assert (screened is None) == (elements[instruction_set] == "float32")
    assert changed.cell_logits(astronaut, 0.5)[0] is None
    for ours, theirs in zip(
        own.detect(astronaut, PARAMS), changed.detect(astronaut, PARAMS), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_as_many_threads_as_asked_for_work(weights: Weights, astronaut: BGRImage) -> None:
    answers = [
        Engine(weights, ACCURATE, threads=threads).detect(astronaut, PARAMS)
        for threads in (1, 2, 7, 64)
    ]
    assert all(are_equal(answers[0], answer) for answer in answers)
