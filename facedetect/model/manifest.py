"""assets.extra/manifest.json: what a SavedModel was built from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import tensorflow as tf

import facedetect
from facedetect.model.graph_files import SAVED_MODEL_FILE
from facedetect.model.guards import WorkLimits
from facedetect.model.signatures import SIGNATURES

EXTRA_FOLDER = "assets.extra"
_NAME = "manifest.json"


def write_manifest(folder: Path, source: tf.compat.v1.GraphDef, limits: WorkLimits) -> None:
    """Write the manifest of the SavedModel in `folder`.

    `source_graph_sha256` is the checksum of the source graph, serialised in a stable order.
    """
    manifest = {
        "source_graph_sha256": _sha256(source.SerializeToString(deterministic=True)),
        "saved_model_sha256": _sha256((folder / SAVED_MODEL_FILE).read_bytes()),
        "facedetect": facedetect.__version__,
        "tensorflow": tf.__version__,
        "limits": asdict(limits),
        "signatures": {
            name: {"inputs": _shapes(signature.inputs), "outputs": _shapes(signature.outputs)}
            for name, signature in SIGNATURES.items()
        },
    }
    path = folder / EXTRA_FOLDER / _NAME
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _shapes(specs: dict[str, tf.TensorSpec]) -> dict[str, str]:
    return {
        name: f"{spec.dtype.name} {[-1 if size is None else size for size in spec.shape]}"
        for name, spec in specs.items()
    }
