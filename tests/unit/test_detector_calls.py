"""The ways to call a detector: keywords, batches, and all kinds of images."""

from __future__ import annotations

import io
import pickle
import re
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from facedetect import Client, DetectionParams, Detector, Face
from facedetect.backends import InferenceRequest
from facedetect.backends.fake import FakeBackend
from facedetect.client.call_options import DetectOptions
from facedetect.errors import (
    BackendUnavailable,
    ImageTooLarge,
    InvalidImage,
    InvalidParams,
    InvalidSettings,
)
from facedetect.images import BGRImage, ImageLimits, load_image
from facedetect.presets import DetectionOptions
from tests.conftest import ASTRONAUT, GRACE_HOPPER
from tests.fake import failing, finding
from tests.live import live


def test_keywords_are_the_fields_of_the_parameters_here_and_in_the_client(noise: BGRImage) -> None:
    names = {field.name for field in fields(DetectionParams)}
    assert set(DetectionOptions.__annotations__) == names | {"preset"}
    assert names < set(DetectOptions.__annotations__)
    backend = FakeBackend()
    detector = Detector(backend)
    detector.detect(noise, min_size=30, thresholds=(0.5, 0.6, 0.7))
    list(detector.detect_batch([noise], factor=0.8))
    first, second = (request.params for request in backend.requests)
    assert first == DetectionParams(30, thresholds=(0.5, 0.6, 0.7))
    assert second == DetectionParams(factor=0.8)
    with pytest.raises(InvalidParams, match="both params and min_size are given"):
        detector.detect(noise, DetectionParams(), min_size=30)
    with pytest.raises(InvalidParams, match="min_size must be at least 8"):
        detector.detect_batch([noise], min_size=3)  # at once, not at the first result


def test_whatever_holds_an_image_can_be_given(builtin_detector: Detector) -> None:
    bgr = cv2.imread(str(ASTRONAUT))
    assert bgr is not None
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    with ASTRONAUT.open("rb") as file, Image.open(ASTRONAUT) as picture:
        from_file = builtin_detector.detect(file)
        assert len(from_file) == 1
        for image in (str(ASTRONAUT), ASTRONAUT, ASTRONAUT.read_bytes(), picture):
            assert builtin_detector.detect(image) == from_file
    found = builtin_detector.detect(bgr)
    assert builtin_detector.detect(rgb, channels="RGB") == found
    assert found[0].confidence == pytest.approx(from_file[0].confidence, abs=0.01)


def test_the_order_of_channels_is_that_of_arrays() -> None:
    bgra = np.random.default_rng(5).integers(0, 256, (8, 9, 4), dtype=np.uint8)
    rgba = np.ascontiguousarray(bgra[..., [2, 1, 0, 3]])
    assert np.array_equal(load_image(rgba, channels="RGB"), load_image(bgra))
    grey = np.ascontiguousarray(bgra[..., 0])
    assert np.array_equal(load_image(grey, channels="RGB"), load_image(grey))
    with pytest.raises(InvalidImage, match="channels is 'RGBA'; it must be BGR or RGB"):
        load_image(rgba, channels="RGBA")  # type: ignore[arg-type]


def test_a_client_takes_arrays_in_either_order(noise: BGRImage, a_face: Face) -> None:
    backend = finding(a_face)
    with live(backend) as running, Client(running.url) as client:
        client.detect(np.ascontiguousarray(noise[..., ::-1]), channels="RGB")
        client.detect(noise)
    _, rgb, bgr = backend.requests  # the first is the warm-up
    assert np.array_equal(rgb.image, bgr.image)


@pytest.mark.parametrize(
    ("params", "options", "message"),
    [
        (40, {}, "params is an int, 40; it must be a DetectionParams; or pass parameters as keyw"),
        ({"min_size": 40}, {}, "params is a dict, {'min_size': 40}; it must be a DetectionParams"),
        (None, {"rotations": 90}, "rotations must be auto, or some of"),
        (None, {"min_size": "40"}, "it is '40'"),
        (None, {"thresholds": 0.5}, "thresholds must be three numbers"),
        (None, {"minsize": 20}, "minsize is not a parameter; did you mean min_size?"),
        (None, {"max_faces": "3"}, "max_faces is '3'; it must be an integer of at least 1"),
    ],
)
def test_wrong_types_are_told(
    noise: BGRImage, params: Any, options: dict[str, Any], message: str
) -> None:
    detector = Detector(FakeBackend())
    with pytest.raises(InvalidParams, match=re.escape(message)):
        detector.detect(noise, params, **options)


def test_looks_may_be_a_whole_float(noise: BGRImage) -> None:
    backend, looks = FakeBackend(), 2.0
    Detector(backend).detect(noise, looks=looks)  # type: ignore[arg-type]
    assert len(backend.requests) == 2


@pytest.mark.parametrize(
    ("images", "what"),
    [
        ("folder", "a str, 'folder'"),
        (Path("a.jpg"), "Path('a.jpg')"),
        (b"file", "a bytes, b'file'"),
        (np.zeros((4, 5, 3), np.uint8), "an ndarray"),
        (Image.new("RGB", (4, 5)), "an Image"),
        (io.BytesIO(b"file"), "a BytesIO"),
        (None, "None"),
    ],
)
def test_a_batch_of_one_image_is_told(images: Any, what: str) -> None:
    message = f"detect_batch takes several images, and was given .*{re.escape(what)}; pass a list"
    with pytest.raises(InvalidParams, match=message):
        Detector(FakeBackend()).detect_batch(images)
    with pytest.raises(InvalidParams, match=message), Client("http://127.0.0.1:9") as client:
        client.detect_batch(images)


def test_an_array_of_pictures_is_a_batch(noise: BGRImage) -> None:
    found = Detector(FakeBackend()).detect_batch(np.stack([noise, noise]))
    assert [result.error for result in found] == [None, None]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "cv2.imread returns"),
        ([ASTRONAUT], "detect_batch"),
        (7, "the image is an int; pass a path"),
        (io.StringIO("text"), 'text mode; open it with mode "rb"'),
        (np.zeros((4, 4, 3)), r"it must be uint8 .* \(image \* 255\)\.astype\('uint8'\)"),
        (np.zeros((4, 4, 3), np.int32), "it must be uint8 and not empty$"),
        ("http://127.0.0.1/a.jpg", "URLs are not fetched: download it first"),
    ],
)
def test_what_is_no_image_is_told(image: Any, message: str) -> None:
    with pytest.raises(InvalidImage, match=message):
        Detector(FakeBackend()).detect(image)
    with pytest.raises(InvalidImage, match=message), Client("http://127.0.0.1:9") as client:
        client.detect(image)


def test_a_detector_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be pickled; make one in each process"):
        pickle.dumps(Detector(FakeBackend()))


def test_an_open_file_is_read_up_to_the_limit() -> None:
    file = io.BytesIO(ASTRONAUT.read_bytes())
    detector = Detector(FakeBackend(), limits=ImageLimits(max_bytes=1000))
    with pytest.raises(ImageTooLarge):
        detector.detect(file)
    assert file.tell() == 1001


def test_a_batch_keeps_its_order_and_goes_on_after_an_error(
    tmp_path: Path, noise: BGRImage, a_face: Face
) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    images: list[Any] = [
        ASTRONAUT,
        tmp_path / "text.jpg",
        noise,
        tmp_path / "none.jpg",
        GRACE_HOPPER,
    ]
    results = list(Detector(finding(a_face)).detect_batch(images, concurrency=3))
    assert [result.source is image for result, image in zip(results, images, strict=True)]
    kinds = [type(result.error).__name__ for result in results]
    assert kinds == ["NoneType", "UnsupportedImage", "NoneType", "InvalidImage", "NoneType"]
    sizes = [result.detection and result.detection.width for result in results]
    assert sizes == [512, None, 60, None, load_image(GRACE_HOPPER).shape[1]]


def test_a_batch_of_any_length_is_read_as_its_results_are_taken(noise: BGRImage) -> None:
    read = 0

    def endless() -> Iterator[BGRImage]:
        nonlocal read
        while True:
            read += 1
            yield noise

    results = Detector(FakeBackend()).detect_batch(endless(), concurrency=2)
    for taken in range(1, 20):
        next(results)
        assert read <= taken + 4
    results.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch")]


def test_a_batch_works_on_several_images_at_a_time(noise: BGRImage) -> None:
    together = threading.Barrier(3, timeout=60)

    def meet(_: InferenceRequest) -> list[Face]:
        together.wait()
        return []

    results = list(Detector(FakeBackend(meet)).detect_batch([noise] * 3, concurrency=3))
    assert [result.error for result in results] == [None] * 3


def test_a_batch_ends_where_the_next_image_would_fail_as_well(noise: BGRImage) -> None:
    with pytest.raises(BackendUnavailable):
        list(Detector(failing(BackendUnavailable("gone"))).detect_batch([noise] * 10))
    with pytest.raises(InvalidSettings, match="concurrency is 0"):
        Detector(FakeBackend()).detect_batch([], concurrency=0)
