"""Convert a frozen graph or a checkpoint to a SavedModel for TensorFlow Serving."""

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
    GraphFile,
    has_tensor,
    import_graph,
    open_graph_file,
)
from facedetect.model.guards import WorkLimits
from facedetect.model.manifest import write_manifest
from facedetect.model.other_model import describe_other_model, require_tensor
from facedetect.model.serving_graph import SourceGraph, build_serving_graph
from facedetect.model.session import open_session
from facedetect.model.signatures import BATCHED_SIGNATURES, FLOAT, PARAMETERS, SIGNATURES
from facedetect.model.warmup import write_warmup_records

Names = Mapping[str, str]


def convert(
    source: Path,
    output: Path,
    *,
    version: int = 1,
    inputs: Names | None = None,
    outputs: Names | None = None,
    limits: WorkLimits | None = None,
    batching: bool = False,
) -> Path:
    """Write the SavedModel `output`/`version` from a frozen graph or a checkpoint folder.

    MTCNN gets the signatures of `signatures.SIGNATURES`, guarded by `limits`, and in assets.extra/
    a manifest and warm-up records for TensorFlow Serving; with `batching`, only the signatures that
    TensorFlow Serving's batching can call. `inputs` and `outputs` map the names of
    `serving_default` to the source's tensors where they differ. For any other model they define
    `serving_default`, without guards or warm-up records.

    Returns the folder written. Raises InvalidModel if the source cannot be read or lacks such a
    tensor, OutputExists if the version exists. Writes all or nothing.
    """
    target = output / str(version)
    if target.exists() or output.is_file():
        existing = target if target.exists() else output
        raise OutputExists(f"{existing} exists; remove it, or choose another folder or --version")
    file = open_graph_file(source)
    if inputs and outputs and not _is_mtcnn(file.graph, inputs, outputs):
        described = describe_other_model(file, _with_ports(inputs), _with_ports(outputs))
        with _atomic_folder(target) as draft:
            _write_saved_model(*described, draft)
            write_manifest(draft, *described, limits=None)
        return target
    graph = _read_mtcnn(file, inputs or {}, outputs or {})
    limits = limits or WorkLimits()
    chosen = BATCHED_SIGNATURES if batching else SIGNATURES
    signatures = {name: spec.to_proto() for name, spec in chosen.items()}
    with _atomic_folder(target) as draft:
        _write_saved_model(build_serving_graph(graph, limits), signatures, draft)
        write_warmup_records(draft, limits, signatures)
        write_manifest(draft, graph.graph_def, signatures, limits)
    return target


def _is_mtcnn(graph: tf.Graph, inputs: Names, outputs: Names) -> bool:
    """Return whether the given names are MTCNN's: its parameters, or existing tensors."""
    specs = {**FLOAT.inputs, **FLOAT.outputs}
    given = {**inputs, **outputs}
    if not given.keys() <= specs.keys():
        return False
    tensors = _with_ports({name: name for name in specs} | given).values()
    return bool(given.keys() & PARAMETERS.keys()) or all(has_tensor(graph, t) for t in tensors)


def _with_ports(names: Names) -> dict[str, str]:
    return {name: tensor if ":" in tensor else f"{tensor}:0" for name, tensor in names.items()}


def _tensor_names(kind: str, specs: Mapping[str, tf.TensorSpec], given: Names) -> dict[str, str]:
    """Map each name of the signature to the source's tensor: the given one, or its namesake."""
    unknown = sorted(set(given) - set(specs))
    if unknown:
        raise InvalidModel(
            f"MTCNN has no {kind} {', '.join(unknown)}; it has {', '.join(specs)}. For another "
            "model, name its inputs with --input and its outputs with --output"
        )
    return _with_ports({name: given.get(name, name) for name in specs})


def _read_mtcnn(file: GraphFile, inputs: Names, outputs: Names) -> SourceGraph:
    """Read and freeze the source's graph; raises InvalidModel if a tensor is missing."""
    input_tensors = _tensor_names("input", FLOAT.inputs, inputs)
    output_tensors = _tensor_names("output", FLOAT.outputs, outputs)
    _check_tensors("input", file, input_tensors)
    _check_tensors("output", file, output_tensors)
    frozen = file.freeze([*output_tensors.values()])
    return SourceGraph(frozen, input_tensors, output_tensors)


def _check_tensors(kind: str, file: GraphFile, names: Names) -> None:
    """Raise InvalidModel if a tensor is missing or does not have the signature's type and shape."""
    specs = {**FLOAT.inputs, **FLOAT.outputs}
    for key, name in names.items():
        tensor = require_tensor(kind, key, name, file)
        spec = specs[key]
        if tensor.dtype != spec.dtype or not tensor.shape.is_compatible_with(spec.shape):
            raise InvalidModel(
                f"{name} in {file.path} is {tensor.dtype.name} {tensor.shape}; "
                f"{key} must be {spec.dtype.name} {spec.shape}"
            )


def _write_saved_model(
    graph_def: tf.compat.v1.GraphDef,
    signatures: Mapping[str, tf.compat.v1.SignatureDef],
    folder: Path,
) -> None:
    saved_model = tf.compat.v1.saved_model
    with open_session(import_graph(graph_def, folder)) as session:
        builder = saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, [saved_model.tag_constants.SERVING], signature_def_map=dict(signatures)
        )
        builder.save()
    # The builder writes maps in any order, but equal sources must give equal bytes.
    path = folder / SAVED_MODEL_FILE
    contents = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    path.write_bytes(contents.SerializeToString(deterministic=True))


@contextmanager
def _atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that is moved to `target` if the block succeeds.

    TensorFlow Serving loads any numbered folder below the parent, so a version may get its number
    only once it is complete.
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
