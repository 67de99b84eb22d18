from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from facedetect import DetectionParams, Detector
from facedetect.errors import InvalidModel, OutputExists
from facedetect.images import BGRImage
from facedetect.model.convert import convert
from facedetect.model.inspect import TensorSummary, inspect_model
from facedetect.model.saved_model import load_saved_model
from facedetect.model.signatures import SIGNATURES
from tests.model.cases import model_inputs
from tests.model.graphs import FrozenGraph
from tests.model.served import ServedModel, ServedOutputs
from tests.model.simple import INPUTS, OUTPUTS, OWN_NAMES, simple_graph, write_graph

tf1 = tf.compat.v1

OTHER_NAMES = {name: f"net/{name}_tensor" for name in OWN_NAMES}


def write_checkpoint(graph: tf.Graph, folder: Path) -> Path:
    with graph.as_default(), tf1.Session(graph=graph) as session:
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=7)
    return folder


def shape_of(tensors: dict[str, TensorSummary]) -> dict[str, tuple[str, list[int] | None]]:
    return {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}


def check_signature(folder: Path) -> None:
    signatures = {signature.name: signature for signature in inspect_model(folder).signatures}
    assert set(signatures) == set(SIGNATURES)
    assert shape_of(signatures["serving_default"].inputs) == INPUTS
    assert shape_of(signatures["serving_default"].outputs) == OUTPUTS
    assert shape_of(signatures["serving_uint8"].inputs) == {
        **INPUTS,
        "input": ("uint8", [-1, -1, 3]),
    }
    assert shape_of(signatures["serving_batch"].outputs)["landmarks"] == ("float32", [-1, -1, 10])


def test_our_graph_gives_the_same_as_a_saved_model(
    converted: Path, our_graph: FrozenGraph, astronaut: BGRImage
) -> None:
    assert converted.parts[-2:] == ("mtcnn", "1")
    check_signature(converted)
    params = DetectionParams(min_size=40)
    found = served(converted, astronaut, params)
    for name, array in our_graph.detect(astronaut, params).items():
        assert np.array_equal(found[name], array)


def served(folder: Path, image: BGRImage, params: DetectionParams) -> ServedOutputs:
    with closing(ServedModel(folder)) as model:
        return model.call("serving_uint8", input=image, **model_inputs(params))


def test_the_published_graph_is_converted_alike(
    reference_graph: Path, astronaut: BGRImage, tmp_path: Path
) -> None:
    folder = convert(reference_graph, tmp_path / "tf-mtcnn")
    check_signature(folder)
    (box,) = served(folder, astronaut, DetectionParams())["box"]
    assert box[1] == pytest.approx(179.5, abs=1)


def test_other_tensor_names_are_mapped(tmp_path: Path) -> None:
    source = write_graph(simple_graph(OTHER_NAMES), tmp_path / "other.pb")
    inputs = {name: f"{OTHER_NAMES[name]}:0" for name in INPUTS}
    outputs = {name: OTHER_NAMES[name] for name in OUTPUTS}
    folder = convert(source, tmp_path / "other", version=3, inputs=inputs, outputs=outputs)
    assert folder.name == "3"
    check_signature(folder)
    image = np.zeros((20, 30, 3), np.uint8)
    (face,) = Detector(f"savedmodel:{tmp_path / 'other'}").detect(image)
    assert (face.confidence, face.box.x_max, face.box.y_max) == (0.5, 30, 20)


@pytest.mark.parametrize("part", [".", "model.ckpt-7.meta"])
def test_a_checkpoint_is_converted(tmp_path: Path, part: str) -> None:
    (tmp_path / "ckpt").mkdir()
    source = write_checkpoint(simple_graph(OWN_NAMES, with_variable=True), tmp_path / "ckpt")
    check_signature(convert(source / part, tmp_path / "out"))
    (face,) = Detector(f"savedmodel:{tmp_path / 'out'}").detect(np.zeros((20, 30, 3), np.uint8))
    assert face.confidence == 0.5


def test_a_wrong_tensor_name_lists_the_possible_ones(tmp_path: Path) -> None:
    source = write_graph(simple_graph(OTHER_NAMES), tmp_path / "other.pb")
    with pytest.raises(InvalidModel) as caught:
        convert(source, tmp_path / "out")
    assert "no tensor input:0" in str(caught.value)
    assert "net/input_tensor:0" in str(caught.value)
    inputs = {name: OTHER_NAMES[name] for name in INPUTS}
    with pytest.raises(InvalidModel, match=r"--output prob=TENSOR.*net/prob_tensor:0"):
        convert(source, tmp_path / "out", inputs=inputs)
    assert names_in(tmp_path) == {"other.pb"}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_tensor_of_another_kind_is_rejected(tmp_path: Path) -> None:
    source = write_graph(simple_graph(OWN_NAMES), tmp_path / "own.pb")
    with pytest.raises(InvalidModel, match=r"factor:0 in .* is float32 \(\); thresholds must be"):
        convert(source, tmp_path / "out", inputs={"thresholds": "factor"})
    with pytest.raises(InvalidModel, match=r"MTCNN has no input image; it has input, .* --output"):
        convert(source, tmp_path / "out", inputs={"image": "input"})


def text_file(folder: Path) -> Path:
    (folder / "text.pb").write_text("this is no graph\n" * 20)
    return folder / "text.pb"


def empty_file(folder: Path) -> Path:
    (folder / "empty.pb").touch()
    return folder / "empty.pb"


def cut_graph(folder: Path) -> Path:
    data = simple_graph(OWN_NAMES).as_graph_def().SerializeToString()
    (folder / "cut.pb").write_bytes(data[: len(data) // 2])
    return folder / "cut.pb"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def missing(folder: Path) -> Path:
    return folder / "missing.pb"


def broken_checkpoint(folder: Path) -> Path:
    (folder / "ckpt").mkdir()
    write_checkpoint(simple_graph(OWN_NAMES, with_variable=True), folder / "ckpt")
    for path in (folder / "ckpt").glob("*.data-*"):
        path.write_bytes(b"")
    return folder / "ckpt"


@pytest.mark.parametrize(
    "make", [text_file, empty_file, cut_graph, empty_folder, missing, broken_checkpoint]
)
def test_sources_that_are_not_graphs_are_rejected(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    source = make(tmp_path)
    before = names_in(tmp_path)
    with pytest.raises(InvalidModel, match=str(source)):
        convert(source, tmp_path / "out")
    assert names_in(tmp_path) == before


def test_an_existing_version_is_left_alone(tmp_path: Path) -> None:
    source = write_graph(simple_graph(OWN_NAMES), tmp_path / "own.pb")
    (tmp_path / "out" / "1").mkdir(parents=True)
    with pytest.raises(OutputExists, match="choose another folder or --version"):
        convert(source, tmp_path / "out")
    assert not names_in(tmp_path / "out" / "1")
    convert(source, tmp_path / "out", version=2)
    assert names_in(tmp_path / "out") == {"1", "2"}
    (tmp_path / "file").touch()
    with pytest.raises(OutputExists):
        convert(source, tmp_path / "file")


def test_a_saved_model_is_not_converted_again(converted: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="is already a SavedModel"):
        convert(converted.parent, tmp_path / "again")


def test_inspect_lists_a_frozen_graphs_tensors(frozen: Path) -> None:
    summary = inspect_model(frozen)
    assert summary.kind == "frozen graph"
    assert {t.name: (t.dtype, t.shape) for t in summary.inputs} == {
        f"{name}:0": kind for name, kind in INPUTS.items()
    }
    assert {t.name for t in summary.outputs} == {f"{name}:0" for name in OUTPUTS}
    assert summary.signatures == []


def test_inspect_lists_a_checkpoints_tensors(tmp_path: Path) -> None:
    summary = inspect_model(write_checkpoint(simple_graph(OWN_NAMES, with_variable=True), tmp_path))
    assert summary.kind == "checkpoint"
    assert {f"{name}:0" for name in INPUTS} <= {tensor.name for tensor in summary.inputs}
    assert {f"{name}:0" for name in OUTPUTS} <= {tensor.name for tensor in summary.outputs}


def classifier(optimizer: Callable[[], Any] | None = None) -> tf.Graph:
    """A net of two layers with dropout, its loss, and optionally its trainer."""
    with tf.Graph().as_default() as graph:
        inputs = tf1.placeholder(tf.float32, [None, 4], "inputs")
        labels = tf1.placeholder(tf.float32, [None, 2], "labels")
        kept = tf1.placeholder_with_default(1.0, [], "keep_prob")
        first, second = (tf1.get_variable(f"w{n}", [4, n], initializer=ones) for n in (4, 2))
        hidden = tf.nn.relu(inputs @ first) * kept
        prediction = tf.nn.softmax(hidden @ second, name="prediction/Softmax")
        loss = tf.reduce_mean((prediction - labels) ** 2, name="loss")
        if optimizer is not None:
            optimizer().minimize(loss)
    return graph


ones = tf1.initializers.ones()


@pytest.mark.parametrize("optimizer", [tf1.train.AdamOptimizer, tf1.train.MomentumOptimizer])
def test_inspect_finds_the_prediction_in_a_training_checkpoint(
    tmp_path: Path, optimizer: Callable[..., Any]
) -> None:
    settings = {"learning_rate": 0.1}
    if optimizer is tf1.train.MomentumOptimizer:
        settings["momentum"] = 0.9
    graph = classifier(lambda: optimizer(**settings))
    summary = inspect_model(write_checkpoint(graph, tmp_path))
    assert [tensor.name for tensor in summary.outputs] == ["prediction/Softmax:0"]
    assert [t.name for t in summary.inputs] == ["inputs:0", "labels:0", "keep_prob:0"]


def test_any_model_is_converted_by_the_names_of_its_tensors(tmp_path: Path) -> None:
    (tmp_path / "ckpt").mkdir()
    source = write_checkpoint(classifier(tf1.train.AdamOptimizer), tmp_path / "ckpt")
    folder = convert(
        source,
        tmp_path / "flowers",
        inputs={"x": "inputs"},
        outputs={"scores": "prediction/Softmax:0"},
    )
    (signature,) = inspect_model(folder).signatures
    assert signature.name == "serving_default"
    assert shape_of(signature.inputs) == {"x": ("float32", [-1, 4])}
    assert shape_of(signature.outputs) == {"scores": ("float32", [-1, 2])}
    model = load_saved_model(folder)
    found = model.run("serving_default", {"x": np.ones((3, 4), np.float32)})
    assert found["scores"].tolist() == [[0.5, 0.5]] * 3
    model.close()
    extra = folder / "assets.extra"
    assert names_in(extra) == {"manifest.json"}
    manifest = json.loads((extra / "manifest.json").read_text())
    assert manifest["limits"] is None
    assert manifest["signatures"]["serving_default"]["inputs"] == {"x": "float32 [-1, 4]"}


def test_a_classifier_may_call_its_tensors_as_mtcnn_does(tmp_path: Path) -> None:
    (tmp_path / "ckpt").mkdir()
    source = write_checkpoint(classifier(), tmp_path / "ckpt")
    inputs, outputs = {"input": "inputs"}, {"prob": "prediction/Softmax"}
    folder = convert(source, tmp_path / "out", inputs=inputs, outputs=outputs)
    (signature,) = inspect_model(folder).signatures
    assert (set(signature.inputs), set(signature.outputs)) == ({"input"}, {"prob"})


def test_a_model_that_cannot_run_as_named_is_not_converted(tmp_path: Path) -> None:
    source = write_graph(classifier(), tmp_path / "graph.pb")
    x, scores, loss = {"x": "inputs"}, {"scores": "prediction/Softmax"}, {"loss": "loss"}
    for inputs, outputs, words in (
        (x, loss, r"the outputs also need labels:0; name it with --input NAME=labels:0"),
        (x, scores, r"graph\.pb is not frozen: it lacks the value of w\d; give the folder of a"),
        (
            x,
            {"scores": "softmax"},
            r"no tensor softmax:0; .* --output scores=TENSOR, .*/Softmax:0, loss:0",
        ),
        ({"x": "image"}, scores, r"no tensor image:0; .* --input x=TENSOR, .*: inputs:0, labels"),
    ):
        with pytest.raises(InvalidModel, match=words):
            convert(source, tmp_path / "out", inputs=inputs, outputs=outputs)
    assert names_in(tmp_path) == {"graph.pb"}


def test_inspect_lists_a_saved_models_signatures(converted: Path) -> None:
    summary = inspect_model(converted.parent)
    assert summary.kind == "SavedModel"
    assert summary.path.endswith("mtcnn/1")
    assert (summary.inputs, summary.outputs) == ([], [])
    signatures = {signature.name: signature for signature in summary.signatures}
    assert set(signatures) == set(SIGNATURES)
    assert set(signatures["serving_uint8"].defaults) == {"min_size", "thresholds", "factor"}
    assert signatures["serving_uint8"].defaults["thresholds"] == pytest.approx([0.6, 0.7, 0.7])
    assert signatures["serving_bytes"].defaults == {}
