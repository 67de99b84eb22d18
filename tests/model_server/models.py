"""SavedModels to serve: half_plus_two, with signatures for what else a server has to do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from facedetect.model import tensorflow as tf

tf1 = tf.compat.v1


def save_half_plus_two(folder: Path) -> Path:
    """Write the version `folder`.

    `serving_default` is x/2 + 2; `both` has two inputs and two outputs, `pairs` a batch of them;
    `sum` has one number for all rows; `regress` is for the method of that name; `scaled` has an
    input with a default; `echo` repeats bytes; `count` counts up to n, which takes as long as one
    likes; `wait` writes the file `begun` and runs until something is in the file `go`.
    """
    with tf.Graph().as_default() as graph, tf1.Session(graph=graph) as session:
        builder = tf1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature_def_map=_signatures(), clear_devices=True
        )
        builder.save()
    return folder


def _signatures() -> dict[str, Any]:
    x, n = tf1.placeholder(tf.float32, None, "x"), tf1.placeholder(tf.int32, [], "n")
    text = tf1.placeholder(tf.string, None, "text")
    half_plus_two = tf.add(x / 2, 2, "y")
    counted = tf.while_loop(lambda i: i < n, lambda i: [i + 1], [tf.constant(0)])[0]
    begun, go = (tf1.placeholder(tf.string, [], name) for name in ("begun", "go"))
    with tf.control_dependencies([tf.io.write_file(begun, "begun")]):
        start = tf.constant(0)
    waited = tf.while_loop(
        lambda _: tf.equal(tf.strings.length(tf.io.read_file(go)), 0), lambda i: [i + 1], [start]
    )[0]
    make = tf1.saved_model.predict_signature_def
    pairs = tf1.placeholder(tf.int32, [None, 1], "pairs_n")
    scale = tf1.placeholder(tf.float32, [], "scale")
    scaled = make({"x": x, "scale": scale}, {"y": x * scale})
    scaled.defaults["scale"].CopyFrom(tf.make_tensor_proto(3.0))
    examples = tf1.placeholder(tf.string, [None], "examples")
    return {
        "pairs": make({"x": x, "n": pairs}, {"y": half_plus_two, "n_plus_one": pairs + 1}),
        "sum": make({"x": x}, {"total": tf.reduce_sum(x)}),
        "scaled": scaled,
        "regress": tf1.saved_model.regression_signature_def(examples, tf.zeros([1])),
        "serving_default": make({"x": x}, {"y": half_plus_two}),
        "both": make({"x": x, "n": n}, {"y": half_plus_two, "n_plus_one": n + 1}),
        "echo": make({"text": text}, {"text": tf.identity(text), "as_bytes": tf.identity(text)}),
        "count": make({"n": n}, {"n": tf.identity(counted)}),
        "wait": make({"begun": begun, "go": go}, {"rounds": tf.identity(waited)}),
    }


def move_in(source: Path, folder: Path, version: int) -> Path:
    """Put a copy of the version `source` into the watched `folder`, whole or not at all."""
    unfinished = shutil.copytree(source, folder / f".unfinished-{version}")
    return unfinished.rename(folder / str(version))


def move_out(folder: Path, version: int) -> None:
    shutil.rmtree((folder / str(version)).rename(folder / f".gone-{version}"))


def write_warmup(version: Path, value: Any) -> None:
    """Let a call with `value` be run before the version is served."""
    request = predict_pb2.PredictRequest(inputs={"x": tf.make_tensor_proto(value)})
    log = prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(log.SerializeToString())
