"""Read models from disk: frozen graphs, checkpoints and SavedModels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from facedetect.errors import InvalidModel, ModelNotFound
from facedetect.model.session import open_session

SAVED_MODEL_FILE = "saved_model.pb"


class GraphKind(StrEnum):
    FROZEN_GRAPH = "frozen graph"
    CHECKPOINT = "checkpoint"
    SAVED_MODEL = "SavedModel"


def kind_of(path: Path) -> GraphKind:
    """Detect a model's kind from its file names; raises InvalidModel if there is no model."""
    if path.is_file():
        return GraphKind.CHECKPOINT if path.suffix == ".meta" else GraphKind.FROZEN_GRAPH
    if not path.is_dir():
        raise InvalidModel(f"{path} does not exist")
    if (path / SAVED_MODEL_FILE).is_file() or model_versions(path):
        return GraphKind.SAVED_MODEL
    if any(path.glob("*.meta")):
        return GraphKind.CHECKPOINT
    raise InvalidModel(
        f"{path} contains no model: neither {SAVED_MODEL_FILE} (directly or in a numbered folder) "
        "nor a checkpoint's .meta file"
    )


@dataclass(frozen=True)
class GraphFile:
    """A frozen graph, or a checkpoint's graph without the values of its variables."""

    path: Path
    kind: GraphKind
    graph_def: tf.compat.v1.GraphDef
    graph: tf.Graph

    def freeze(self, tensors: Iterable[str]) -> tf.compat.v1.GraphDef:
        """Return a graph without variables; a checkpoint's is pruned to what these tensors need.

        Raises InvalidModel if the checkpoint cannot be read.
        """
        if self.kind is GraphKind.FROZEN_GRAPH:
            return self.graph_def
        return _freeze_checkpoint(self.path, [tensor.split(":")[0] for tensor in tensors])


def open_graph_file(path: Path) -> GraphFile:
    """Open a frozen graph, or a checkpoint's folder; raises InvalidModel if it is neither."""
    kind = kind_of(path)
    if kind is GraphKind.SAVED_MODEL:
        raise InvalidModel(f"{path} is already a SavedModel; give a frozen graph or a checkpoint")
    graph_def = read_meta_graph(path, kind).graph_def
    return GraphFile(path, kind, graph_def, import_graph(graph_def, path))


def numbered_folders(folder: Path) -> dict[int, Path]:
    """List the folders that TensorFlow Serving treats as versions, by ascending number.

    They need not contain a model. Raises OSError if `folder` cannot be read.
    """
    found = (entry for entry in folder.iterdir() if re.fullmatch("[0-9]+", entry.name))
    return dict(sorted((int(entry.name), entry) for entry in found if entry.is_dir()))


def model_versions(folder: Path) -> dict[int, Path]:
    """List the versions of the SavedModel in `folder` with their folders, by ascending number."""
    if not folder.is_dir():
        return {}
    found = numbered_folders(folder).items()
    return {number: path for number, path in found if (path / SAVED_MODEL_FILE).is_file()}


def version_folder(folder: Path, version: int | None = None) -> Path:
    """Return the folder of a SavedModel's version, by default the latest.

    `folder` may also be that of a single version. Raises ModelNotFound.
    """
    if (folder / SAVED_MODEL_FILE).is_file():
        if version is not None:
            raise ModelNotFound(f"{folder} is a single version; leave out ?version={version}")
        return folder
    versions = model_versions(folder)
    if not versions:
        raise ModelNotFound(
            f"{folder} contains no SavedModel; create one with `facedetect convert`"
        )
    chosen = max(versions) if version is None else version
    if chosen not in versions:
        known = ", ".join(map(str, versions))
        raise ModelNotFound(f"{folder} has no version {chosen}; it has {known}")
    return versions[chosen]


def read_meta_graph(path: Path, kind: GraphKind) -> tf.compat.v1.MetaGraphDef:
    """Read a model's graph; a checkpoint's comes without the values of its variables.

    A SavedModel also has signatures; `path` is the folder of one version. Raises InvalidModel.
    """
    if kind is GraphKind.FROZEN_GRAPH:
        return tf.compat.v1.MetaGraphDef(graph_def=read_frozen_graph(path))
    if kind is GraphKind.CHECKPOINT:
        meta = Path(f"{_checkpoint_prefix(path)}.meta")
        return _parse(tf.compat.v1.MetaGraphDef(), meta, "checkpoint's graph")
    path /= SAVED_MODEL_FILE
    saved_model = _parse(saved_model_pb2.SavedModel(), path, "SavedModel")
    if not saved_model.meta_graphs:
        raise InvalidModel(f"{path} is not a SavedModel: it contains no graph")
    return saved_model.meta_graphs[0]


def read_frozen_graph(path: Path) -> tf.compat.v1.GraphDef:
    """Read a frozen graph; raises InvalidModel if the file is not one."""
    graph_def = _parse(tf.compat.v1.GraphDef(), path, "frozen graph")
    if not graph_def.node:
        raise InvalidModel(
            f"{path} is not a frozen graph: it has no nodes; for a SavedModel, give its folder"
        )
    return graph_def


def import_graph(graph_def: tf.compat.v1.GraphDef, source: Path) -> tf.Graph:
    """Import a graph that was read from `source`; raises InvalidModel if TensorFlow rejects it."""
    try:
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(graph_def, name="")
    except (ValueError, tf.errors.OpError) as error:
        raise InvalidModel(f"this TensorFlow cannot read the graph {source}: {error}") from error
    return graph


def has_tensor(graph: tf.Graph, name: str) -> bool:
    """Return whether the graph has a tensor of that name, such as `input:0`."""
    try:
        graph.get_tensor_by_name(name)
    except (KeyError, ValueError):
        return False
    return True


def _freeze_checkpoint(path: Path, output_ops: list[str]) -> tf.compat.v1.GraphDef:
    """Read a checkpoint, prune it to what the outputs need and turn variables into constants."""
    tf1 = tf.compat.v1
    prefix = _checkpoint_prefix(path)
    try:
        with tf.Graph().as_default() as graph, open_session(graph) as session:
            saver = tf1.train.import_meta_graph(f"{prefix}.meta", clear_devices=True)
            if saver is not None:
                saver.restore(session, str(prefix))
            return tf1.graph_util.convert_variables_to_constants(
                session, graph.as_graph_def(), output_ops
            )
    except (ValueError, OSError, tf.errors.OpError) as error:
        raise InvalidModel(f"the checkpoint {prefix} cannot be read: {error}") from error


def _checkpoint_prefix(path: Path) -> Path:
    """Return the prefix of the newest checkpoint in `path`, such as `folder/model.ckpt-7`."""
    if path.is_file():
        return path.with_suffix("")
    latest = tf.train.latest_checkpoint(str(path))
    if latest is not None and Path(f"{latest}.meta").is_file():
        return Path(latest)
    return max(path.glob("*.meta"), key=lambda meta: meta.stat().st_mtime).with_suffix("")


def _parse(message: Any, path: Path, kind: str) -> Any:
    try:
        message.ParseFromString(path.read_bytes())
    except (DecodeError, OSError) as error:
        raise InvalidModel(f"{path} is not a {kind}: {error}") from error
    return message
