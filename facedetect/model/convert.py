"""From a frozen MTCNN graph, or a checkpoint of one, to a SavedModel for TensorFlow Serving."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from facedetect.errors import InvalidModel, OutputExists
from facedetect.model.graph_files import (
    SAVED_MODEL_FILE,
    GraphKind,
    freeze_checkpoint,
    import_graph,
    kind_of,
    read_checkpoint_graph,
    read_frozen_graph,
)
from facedetect.model.guards import WorkLimits
from facedetect.model.inspect import possible_inputs, possible_outputs
from facedetect.model.manifest import write_manifest
from facedetect.model.serving_graph import TensorNames, build_serving_graph, signature_def
from facedetect.model.session import open_session
from facedetect.model.signatures import FLOAT, SIGNATURES
from facedetect.model.warmup import write_warmup_records


def convert(
    source: Path,
    output: Path,
    *,
    version: int = 1,
    inputs: TensorNames | None = None,
    outputs: TensorNames | None = None,
    limits: WorkLimits | None = None,
) -> Path:
    """Write the SavedModel `output`/`version` from a frozen graph or a checkpoint folder.

    It has the signatures of `signatures.SIGNATURES`, guarded by `limits`, and beside the graph, in
    assets.extra/, a manifest and the records that warm up TensorFlow Serving.

    `inputs` and `outputs` map the signature's names to tensors of the source, where those are
    called differently. Returns the folder written. Raises InvalidModel if the source cannot be
    read or has no such tensor, OutputExists if the version is there already; nothing is left
    half-written.
    """
    target = output / str(version)
    if target.exists() or output.is_file():
        standing = target if target.exists() else output
        raise OutputExists(f"{standing} exists; remove it, or choose another folder or --version")
    input_names = _tensor_names(FLOAT.inputs, inputs, "input")
    output_names = _tensor_names(FLOAT.outputs, outputs, "output")
    graph_def = _read(source, input_names, output_names)
    with _folder_atomic_draft(target) as unfinished:
        limits = limits or WorkLimits()
        serving_graph = build_serving_graph(graph_def, input_names, output_names, limits)
        _write_saved_model(serving_graph, unfinished)
        write_warmup_records(unfinished, limits)
        write_manifest(unfinished, graph_def, limits)
    return target


def _tensor_names(
    signature: Mapping[str, tf.TensorSpec], given: TensorNames | None, kind: str
) -> dict[str, str]:
    given = given or {}
    unknown = sorted(set(given) - set(signature))
    if unknown:
        raise InvalidModel(
            f"the signature has no {kind} {', '.join(unknown)}; it has {', '.join(signature)}"
        )
    names = {key: given.get(key, key) for key in signature}
    return {key: name if ":" in name else f"{name}:0" for key, name in names.items()}


def _read(
    source: Path, input_names: TensorNames, output_names: TensorNames
) -> tf.compat.v1.GraphDef:
    """The source's graph, frozen, with the tensors that were named."""
    kind = kind_of(source)
    if kind is GraphKind.SAVED_MODEL:
        raise InvalidModel(f"{source} is a SavedModel already; give a frozen graph or checkpoint")
    is_frozen = kind is GraphKind.FROZEN_GRAPH
    graph_def = read_frozen_graph(source) if is_frozen else read_checkpoint_graph(source)
    _check_tensors(graph_def, source, input_names, output_names)
    if is_frozen:
        return graph_def
    return freeze_checkpoint(source, [name.split(":")[0] for name in output_names.values()])


def _check_tensors(
    graph_def: tf.compat.v1.GraphDef,
    source: Path,
    input_names: TensorNames,
    output_names: TensorNames,
) -> None:
    """Raise InvalidModel if a tensor is not there or cannot be what the signature says."""
    graph = import_graph(graph_def, source)
    for kind, names, specs, candidates in (
        ("input", input_names, FLOAT.inputs, possible_inputs),
        ("output", output_names, FLOAT.outputs, possible_outputs),
    ):
        for key, name in names.items():
            try:
                tensor = graph.get_tensor_by_name(name)
            except (KeyError, ValueError) as error:
                known = ", ".join(tensor.name for tensor in candidates(graph))
                raise InvalidModel(
                    f"{source} has no tensor {name}; name the one for {key} with "
                    f"--{kind} {key}=TENSOR, possibly one of: {known}"
                ) from error
            spec = specs[key]
            if tensor.dtype != spec.dtype or not tensor.shape.is_compatible_with(spec.shape):
                raise InvalidModel(
                    f"{name} in {source} is {tensor.dtype.name} {tensor.shape}; "
                    f"{key} must be {spec.dtype.name} {spec.shape}"
                )


def _write_saved_model(graph_def: tf.compat.v1.GraphDef, folder: Path) -> None:
    saved_model = tf.compat.v1.saved_model
    graph = import_graph(graph_def, folder)
    with open_session(graph) as session:
        builder = saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            [saved_model.tag_constants.SERVING],
            signature_def_map={
                name: signature_def(name, signature) for name, signature in SIGNATURES.items()
            },
        )
        builder.save()
    _write_in_stable_order(folder / SAVED_MODEL_FILE)


def _write_in_stable_order(path: Path) -> None:
    """The builder writes maps in any order; the same source shall give the same bytes."""
    contents = saved_model_pb2.SavedModel()
    contents.ParseFromString(path.read_bytes())
    path.write_bytes(contents.SerializeToString(deterministic=True))


@contextmanager
def _folder_atomic_draft(target: Path) -> Iterator[Path]:
    """Give a folder's name beside `target`; it moves to `target` when all went well.

    TensorFlow Serving watches the parent for folders with a number for a name, so a version must
    appear there whole, and what is not whole must not be called by a number.
    """
    parent = target.parent
    is_new = not parent.exists()
    parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=parent, prefix=".unfinished-") as scratch:
            unfinished = Path(scratch) / "model"
            yield unfinished
            _move(unfinished, target)
    except BaseException:
        if is_new and not any(parent.iterdir()):
            parent.rmdir()
        raise


def _move(unfinished: Path, target: Path) -> None:
    try:
        unfinished.rename(target)
    except OSError as error:
        if target.exists():
            raise OutputExists(f"{target} exists; another process wrote it") from error
        raise
