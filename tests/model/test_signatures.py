"""The SavedModel's four signatures give the same results and reject the same calls."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from facedetect import DetectionParams, Detector
from facedetect.errors import InvalidParams
from facedetect.images import BGRImage, encode_image
from facedetect.model.convert import convert
from facedetect.model.graph_files import GraphKind, read_meta_graph
from facedetect.model.guards import WorkLimits
from facedetect.model.inspect import inspect_model
from facedetect.model.signatures import SIGNATURES
from facedetect.model.warmup import read_warmup_requests
from tests.conftest import optional_folder
from tests.model.cases import model_inputs, pictures
from tests.model.served import ServedModel, ServedOutputs

PARAMS = {"min_size": 20, "thresholds": (0.6, 0.7, 0.7), "factor": 0.709}
ROWS = {name: [value] for name, value in PARAMS.items()}
LIMITS = WorkLimits(max_pyramid_pixels=5_000_000, max_image_pixels=3_000_000)
FACES = ("prob", "landmarks", "box")


@pytest.fixture(scope="module", params=["ours", "tf-mtcnn"])
def model(
    request: pytest.FixtureRequest,
    frozen: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServedModel]:
    source = frozen
    if request.param == "tf-mtcnn":
        source = optional_folder("reference", "FACEDETECT_REFERENCE_DIR") / "tf-mtcnn.pb"
    folder = convert(source, tmp_path_factory.mktemp("served") / "mtcnn", limits=LIMITS)
    model = ServedModel(folder)
    yield model
    model.close()


def first_of(batch: ServedOutputs) -> ServedOutputs:
    """The faces of the first image."""
    return {name: batch[name][0, : batch["count"][0]] for name in FACES}


def same(one: ServedOutputs, other: ServedOutputs) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in FACES)


@pytest.fixture(scope="module")
def images() -> dict[str, BGRImage]:
    chosen = pictures()
    chosen["group"] = chosen["group"][::2, ::2]
    return {name: np.ascontiguousarray(image) for name, image in chosen.items()}


@pytest.mark.parametrize("picture", ["group", "suit", "one-pixel", "very-wide"])
def test_single_signatures_give_the_same(
    model: ServedModel, images: dict[str, BGRImage], picture: str
) -> None:
    image = images[picture]
    expected = model.call("serving_default", input=image, **PARAMS)
    assert same(model.call("serving_uint8", input=image, **PARAMS), expected)
    png = encode_image(image, ".png")
    assert same(first_of(model.call("serving_batch", image_bytes=[png], **ROWS)), expected)
    assert same(first_of(model.call("serving_bytes", image_bytes=[png])), expected)


def test_a_jpeg_is_decoded_as_opencv_and_pillow_do(model: ServedModel, astronaut: BGRImage) -> None:
    from tests.conftest import ASTRONAUT

    expected = model.call("serving_uint8", input=astronaut, **PARAMS)
    data = ASTRONAUT.read_bytes()
    assert same(first_of(model.call("serving_bytes", image_bytes=[data])), expected)


def test_the_image_alone_is_looked_at_with_the_default_parameters(model: ServedModel) -> None:
    pngs = [encode_image(pictures()[name], ".png") for name in ("group", "black", "astronaut")]
    rows = {name: [value] * 3 for name, value in PARAMS.items()}
    expected = model.call("serving_batch", image_bytes=pngs, **rows)
    found = model.call("serving_bytes", image_bytes=pngs)
    assert same(found, expected)
    assert found["count"].tolist() == expected["count"].tolist()


def test_the_defaults_of_the_parameters_are_ours(tmp_path: Path, frozen: Path) -> None:
    signatures = read_meta_graph(
        convert(frozen, tmp_path / "mtcnn"), GraphKind.SAVED_MODEL
    ).signature_def
    for name in ("serving_default", "serving_uint8"):
        defaults = {n: tf.make_ndarray(v) for n, v in signatures[name].defaults.items()}
        assert {n: (v.dtype, v.shape) for n, v in defaults.items()} == {
            "min_size": (np.float32, ()),
            "thresholds": (np.float32, (3,)),
            "factor": (np.float32, ()),
        }
        expected = model_inputs(DetectionParams())
        assert {n: pytest.approx(v.tolist()) for n, v in defaults.items()} == {
            n: list(v) if isinstance(v, tuple) else v for n, v in expected.items()
        }


def test_a_batch_equals_its_images_one_by_one(
    model: ServedModel, images: dict[str, BGRImage]
) -> None:
    """Mixed sizes, no face among them, each with parameters of its own."""
    names = ["astronaut", "group", "black", "one-pixel", "hopper"]
    chosen = [images[name] for name in names]
    min_size = [20, 30, 20, 20, 40]
    thresholds = [
        (0.6, 0.7, 0.7),
        (0.5, 0.5, 0.3),
        (0.6, 0.7, 0.7),
        (0.6, 0.7, 0.7),
        (0.8, 0.9, 0.9),
    ]
    factor = [0.709, 0.79, 0.709, 0.709, 0.5]
    batch = model.call(
        "serving_batch",
        image_bytes=[encode_image(image, ".png") for image in chosen],
        min_size=min_size,
        thresholds=thresholds,
        factor=factor,
    )
    assert batch["count"].tolist()[2:4] == [0, 0]
    assert batch["prob"].shape == (5, batch["count"].max())
    for n, image in enumerate(chosen):
        alone = model.call(
            "serving_uint8",
            input=image,
            min_size=min_size[n],
            thresholds=thresholds[n],
            factor=factor[n],
        )
        count = batch["count"][n]
        assert same({name: batch[name][n, :count] for name in FACES}, alone)
        assert not any(batch[name][n, count:].any() for name in FACES)


def test_batches_without_images_or_faces_are_empty(model: ServedModel) -> None:
    none = model.call(
        "serving_batch", image_bytes=[], min_size=[], thresholds=np.zeros((0, 3)), factor=[]
    )
    assert (none["count"].shape, none["box"].shape) == ((0,), (0, 0, 4))
    black = encode_image(np.zeros((50, 50, 3), np.uint8), ".png")
    one = model.call(
        "serving_batch",
        image_bytes=[black],
        min_size=[20],
        thresholds=[PARAMS["thresholds"]],
        factor=[0.709],
    )
    assert (one["count"].tolist(), one["box"].shape) == ([0], (1, 0, 4))


IMAGE = np.zeros((60, 80, 3))
BAD_CALLS = {
    "factor 1": {"factor": 1},
    "factor 1.5": {"factor": 1.5},
    "factor NaN": {"factor": math.nan},
    "factor 0": {"factor": 0},
    "two factors": {"factor": [0.7, 0.7]},
    "min_size 0.5": {"min_size": 0.5},
    "min_size NaN": {"min_size": math.nan},
    "min_size infinite": {"min_size": math.inf},
    "min_size negative": {"min_size": -20},
    "threshold NaN": {"thresholds": (math.nan, 0.7, 0.7)},
    "threshold 1": {"thresholds": (0.6, 1, 0.7)},
    "two thresholds": {"thresholds": (0.6, 0.7)},
    "one threshold": {"thresholds": 0.6},
    "rank 4": {"input": np.zeros((1, 60, 80, 3))},
    "rank 2": {"input": np.zeros((60, 80))},
    "four channels": {"input": np.zeros((60, 80, 4))},
    "empty": {"input": np.zeros((0, 80, 3))},
    "too much work": {"input": np.zeros((2000, 2000, 3)), "min_size": 10},
}


@pytest.mark.parametrize("signature", ["serving_default", "serving_uint8"])
@pytest.mark.parametrize("call", BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_calls_are_refused(model: ServedModel, signature: str, call: dict[str, object]) -> None:
    model.call(signature, input=IMAGE, **PARAMS)
    inputs: dict[str, object] = {"input": IMAGE, **PARAMS, **call}
    with pytest.raises(tf.errors.InvalidArgumentError):
        model.call(signature, **inputs)
    assert model.call(signature, input=IMAGE, **PARAMS)["prob"].shape == (0,)


@pytest.mark.parametrize(
    "params", [{"min_size": 2.0}, {"factor": 0.99}, {"thresholds": (0.6, 2.0, 0.7)}]
)
def test_the_models_messages_equal_the_callers(
    model: ServedModel, params: dict[str, object]
) -> None:
    with pytest.raises(InvalidParams) as ours:
        DetectionParams(**params)  # type: ignore[arg-type]
    with pytest.raises(tf.errors.InvalidArgumentError) as theirs:
        model.call("serving_uint8", input=IMAGE, **{**PARAMS, **params})
    assert str(ours.value).split(";")[0] in theirs.value.message


PNG = encode_image(np.zeros((60, 80, 3), np.uint8), ".png")
VAST_PNG = PNG[:16] + b"\x00\x00\x80\x00\x00\x00\x80\x00" + PNG[24:]
NEGATIVE_PNG = PNG[:16] + b"\xff\xff\xff\xff\x00\x00\x00\x01" + PNG[24:]


@pytest.mark.parametrize(
    "data", [b"", b"text", PNG[:20], PNG[:60], b"\xff\xd8\xff\xe0", VAST_PNG, NEGATIVE_PNG]
)
def test_bad_bytes_are_refused(model: ServedModel, data: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        model.call("serving_bytes", image_bytes=[data])


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_encoded_images_over_the_limit_are_not_decoded(model: ServedModel, suffix: str) -> None:
    data = encode_image(np.zeros((1800, 1700, 3), np.uint8), suffix)
    params = {**ROWS, "min_size": [200]}
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have at most 3000000 pixels"):
        model.call("serving_batch", image_bytes=[data], **params)
    smaller = encode_image(np.zeros((1700, 1700, 3), np.uint8), suffix)
    assert model.call("serving_batch", image_bytes=[smaller], **params)["count"].tolist() == [0]


ROW: dict[str, list[object]] = {
    "image_bytes": [PNG],
    "min_size": [20],
    "thresholds": [(0.6, 0.7, 0.7)],
    "factor": [0.709],
}


@pytest.mark.parametrize(
    "inputs",
    [
        {**ROW, "min_size": [20, 20]},
        {**ROW, "thresholds": [(0.6, 0.7, 0.7)] * 2},
        {**ROW, "factor": 0.709},
        {**ROW, "image_bytes": PNG},
        {name: values * 65 for name, values in ROW.items()},
    ],
)
def test_uneven_and_too_large_batches_are_rejected(
    model: ServedModel, inputs: dict[str, object]
) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
        model.call("serving_batch", **inputs)
    assert model.call("serving_batch", **ROW)["count"].tolist() == [0]


def test_a_model_with_low_limits_warms_up_within_them(frozen: Path, tmp_path: Path) -> None:
    limits = WorkLimits(max_pyramid_pixels=100_000, max_image_pixels=500_000)
    convert(frozen, tmp_path / "small", limits=limits)
    with Detector(f"savedmodel:{tmp_path / 'small'}") as detector:
        image = np.zeros((500, 500, 3), np.uint8)
        assert detector.detect(image, DetectionParams(min_size=60)) == []
        with pytest.raises(
            InvalidParams, match="the pyramid of the image must have at most 100000"
        ):
            detector.detect(image)
    path = tmp_path / "small" / "1" / "assets.extra" / "tf_serving_warmup_requests"
    served = ServedModel(tmp_path / "small" / "1")
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        if request.model_spec.signature_name == "serving_bytes":  # the others repeat its images
            inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
            served.call("serving_bytes", **inputs)


def test_the_warmup_records_are_calls_that_succeed(converted: Path) -> None:
    path = converted / "assets.extra" / "tf_serving_warmup_requests"
    assert path.stat().st_size < 4_000_000
    model = ServedModel(converted)
    seen = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = log.predict_log.request
        seen.append(request.model_spec.signature_name)
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        outputs = model.call(request.model_spec.signature_name, **inputs)
        if request.model_spec.signature_name == "serving_batch":
            assert outputs["prob"].size > 0, "O-Net has run, too"
    assert set(seen) == set(SIGNATURES)


def test_a_model_for_batching_is_called_in_batches_alone(frozen: Path, tmp_path: Path) -> None:
    folder = convert(frozen, tmp_path / "mtcnn", batching=True)
    signatures = {signature.name: signature for signature in inspect_model(folder).signatures}
    assert set(signatures) == {"serving_batch", "serving_bytes"}
    for signature in signatures.values():
        for tensor in [*signature.inputs.values(), *signature.outputs.values()]:
            assert tensor.shape
            assert tensor.shape[0] == -1
    called = {request.model_spec.signature_name for request in read_warmup_requests(folder)}
    assert called == set(signatures)


def test_the_manifest_describes_the_source(frozen: Path, tmp_path: Path) -> None:
    folder = convert(frozen, tmp_path / "mtcnn", limits=LIMITS)
    manifest = json.loads((folder / "assets.extra" / "manifest.json").read_text())
    assert manifest["source_graph_sha256"] == hashlib.sha256(frozen.read_bytes()).hexdigest()
    written = (folder / "saved_model.pb").read_bytes()
    assert manifest["saved_model_sha256"] == hashlib.sha256(written).hexdigest()
    assert manifest["tensorflow"] == tf.__version__
    assert manifest["limits"] == asdict(LIMITS)
    assert manifest["signatures"]["serving_uint8"]["inputs"]["input"] == "uint8 [-1, -1, 3]"
    assert set(manifest["signatures"]) == set(SIGNATURES)


def test_converting_twice_gives_the_same_bytes(
    frozen: Path, converted: Path, tmp_path: Path
) -> None:
    folders = [converted, convert(frozen, tmp_path / "again")]
    files = [sorted(p.relative_to(f) for p in f.rglob("*") if p.is_file()) for f in folders]
    assert files[0] == files[1]
    for name in files[0]:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
