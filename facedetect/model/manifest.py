"""assets.extra/manifest.json: what a SavedModel was built from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf

import facedetect
from facedetect.model.graph_files import SAVED_MODEL_FILE
from facedetect.model.guards import WorkLimits

EXTRA_FOLDER = "assets.extra"
_NAME = "manifest.json"


def write_manifest(
    folder: Path,
    source: tf.compat.v1.GraphDef,
    signatures: Mapping[str, tf.compat.v1.SignatureDef],
    limits: WorkLimits | None,
) -> None:
    """Write the manifest of the SavedModel in `folder`; `limits` is None if it has no guards.

    `source_graph_sha256` is the checksum of the source graph, serialised in a stable order.
    """
    manifest = {
        "source_graph_sha256": _sha256(source.SerializeToString(deterministic=True)),
        "saved_model_sha256": _sha256((folder / SAVED_MODEL_FILE).read_bytes()),
        "facedetect": facedetect.__version__,
        "tensorflow": tf.__version__,
        "limits": None if limits is None else asdict(limits),
        "signatures": {
            name: {"inputs": _shapes(signature.inputs), "outputs": _shapes(signature.outputs)}
            for name, signature in sorted(signatures.items())
        },
    }
    path = folder / EXTRA_FOLDER / _NAME
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _shapes(infos: Mapping[str, tf.compat.v1.TensorInfo]) -> dict[str, str]:
    return {
        name: f"{tf.as_dtype(info.dtype).name} {_shape(info.tensor_shape)}"
        for name, info in sorted(infos.items())
    }


def _shape(shape: Any) -> str:
    return "any rank" if shape.unknown_rank else str([dim.size for dim in shape.dim])
