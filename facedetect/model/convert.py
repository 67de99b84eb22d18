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
    read_meta_graph,
)
from facedetect.model.guards import WorkLimits
from facedetect.model.inspect import possible_inputs, possible_outputs
from facedetect.model.manifest import write_manifest
from facedetect.model.serving_graph import SourceGraph, build_serving_graph
from facedetect.model.session import open_session
from facedetect.model.signatures import FLOAT, SIGNATURES
from facedetect.model.warmup import write_warmup_records


def convert(
    source: Path,
    output: Path,
    *,
    version: int = 1,
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    limits: WorkLimits | None = None,
) -> Path:
    """Write the SavedModel `output`/`version` from a frozen graph or a checkpoint folder.

    It has the signatures of `signatures.SIGNATURES`, guarded by `limits`, and in assets.extra/ a
    manifest and the records that warm up TensorFlow Serving.

    `inputs` and `outputs` map the names of `serving_default` to the source's tensors, where those
    have other names. Returns the folder written. Raises InvalidModel if the source cannot be read
    or lacks such a tensor, OutputExists if the version exists; nothing is left half-written.
    """
    target = output / str(version)
    if target.exists() or output.is_file():
        existing = target if target.exists() else output
        raise OutputExists(f"{existing} exists; remove it, or choose another folder or --version")
    graph = _read_source(
        source,
        _tensor_names("input", FLOAT.inputs, inputs or {}),
        _tensor_names("output", FLOAT.outputs, outputs or {}),
    )
    limits = limits or WorkLimits()
    with _atomic_folder(target) as draft:
        _write_saved_model(build_serving_graph(graph, limits), draft)
        write_warmup_records(draft, limits)
        write_manifest(draft, graph.graph_def, limits)
    return target


def _tensor_names(
    kind: str, specs: Mapping[str, tf.TensorSpec], given: Mapping[str, str]
) -> dict[str, str]:
    """The source's tensor for each name of the signature: the one given, or that of this name."""
    unknown = sorted(set(given) - set(specs))
    if unknown:
        raise InvalidModel(
            f"the signature has no {kind} {', '.join(unknown)}; it has {', '.join(specs)}"
        )
    names = {name: given.get(name, name) for name in specs}
    return {name: tensor if ":" in tensor else f"{tensor}:0" for name, tensor in names.items()}


def _read_source(source: Path, inputs: dict[str, str], outputs: dict[str, str]) -> SourceGraph:
    """Read the source's graph, frozen; raises InvalidModel if it lacks one of the tensors."""
    kind = kind_of(source)
    if kind is GraphKind.SAVED_MODEL:
        raise InvalidModel(f"{source} is a SavedModel already; give a frozen graph or checkpoint")
    graph_def = read_meta_graph(source, kind).graph_def
    graph = import_graph(graph_def, source)
    _check_tensors("input", graph, source, inputs)
    _check_tensors("output", graph, source, outputs)
    if kind is GraphKind.CHECKPOINT:
        graph_def = freeze_checkpoint(source, [name.split(":")[0] for name in outputs.values()])
    return SourceGraph(graph_def, inputs, outputs)


def _check_tensors(kind: str, graph: tf.Graph, source: Path, names: dict[str, str]) -> None:
    """Raise InvalidModel if a tensor is missing, or its type or shape is not the signature's."""
    specs = {**FLOAT.inputs, **FLOAT.outputs}
    for key, name in names.items():
        try:
            tensor = graph.get_tensor_by_name(name)
        except (KeyError, ValueError) as error:
            candidates = possible_inputs(graph) if kind == "input" else possible_outputs(graph)
            known = ", ".join(tensor.name for tensor in candidates)
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
    with open_session(import_graph(graph_def, folder)) as session:
        builder = saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            [saved_model.tag_constants.SERVING],
            signature_def_map={name: spec.to_proto() for name, spec in SIGNATURES.items()},
        )
        builder.save()
    # The builder writes maps in any order; the same source shall give the same bytes.
    path = folder / SAVED_MODEL_FILE
    contents = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    path.write_bytes(contents.SerializeToString(deterministic=True))


@contextmanager
def _atomic_folder(target: Path) -> Iterator[Path]:
    """Give a temporary path for a folder that moves to `target` if the block succeeds.

    TensorFlow Serving loads any folder below the parent that is named by a number, so a version
    must get its number only when it is complete.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unfinished-") as scratch:
        draft = Path(scratch) / "model"
        yield draft
        try:
            draft.rename(target)
        except OSError as error:
            if target.exists():
                raise OutputExists(f"{target} exists; another process wrote it") from error
            raise
