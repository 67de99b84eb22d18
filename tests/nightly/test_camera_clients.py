"""DeepStack's and CodeProject.AI's Python clients from PyPI, against the real service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.servers import Gateway
from tests.conftest import ASTRONAUT
from tests.nightly.foreign_clients import pip_install, run_script

PACKAGES = ["deepstack-sdk==0.2.1", "deepstack-python==0.9", "codeproject-ai-api==0.1"]
NEEDED = ["requests", "urllib3", "idna", "certifi", "charset-normalizer", "validators"]

DEEPSTACK_SDK = """
from deepstack_sdk import Detection, Face, ServerConfig
config = ServerConfig(url)
faces = Face(config)
found = faces.detectFace(path, output="drawn.jpg")
objects = Detection(config).detectObject(path, output="objects.jpg")
known = faces.recognizeFace(path, output="known.jpg")
answer = {
    "faces": [[face.x_min, face.confidence] for face in found],
    "labels": [item.label for item in objects],
    "users": [face.userid for face in known],
    "registered": len(faces.listFaces()),
}
"""

OTHERS = """
from {package}.core import get_objects_summary, get_recognized_faces
from {package}.core import {prefix}Face as Face, {prefix}Object as Object
image = open(path, "rb").read()
faces = Face("127.0.0.1", port, min_confidence=0.5)
plain = Object("127.0.0.1", port).detect(image)
custom = Object("127.0.0.1", port, custom_model="face").detect(image)
known = faces.recognize(image)
answer = {{
    "faces": [[face["x_min"], face["confidence"]] for face in faces.detect(image)],
    "labels": [get_objects_summary(found) for found in (plain, custom)],
    "users": [face["userid"] for face in known],
    "matched": get_recognized_faces(known),
    "registered": len(faces.get_registered_faces()),
}}
try:
    faces.register("eileen", image)
except Exception as error:
    answer["register"] = str(error)
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pip_install(tmp_path_factory.mktemp("cameras"), *PACKAGES, *NEEDED)


def use(script: str, packages: Path, service: Gateway, folder: Path) -> Any:
    url = str(service.client.base_url)
    values = {"url": url, "port": service.client.base_url.port, "path": str(ASTRONAUT)}
    return run_script(script, values, packages, folder)


def test_deepstack_sdk(builtin_service: Gateway, packages: Path, tmp_path: Path) -> None:
    answer = use(DEEPSTACK_SDK, packages, builtin_service, tmp_path)
    ((x_min, confidence),) = answer["faces"]
    assert 150 < x_min < 200
    assert confidence > 0.99
    assert (answer["labels"], answer["users"], answer["registered"]) == (["face"], ["unknown"], 0)
    assert (tmp_path / "drawn.jpg").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("package", "prefix"), [("deepstack", "Deepstack"), ("codeprojectai", "CodeProjectAI")]
)
def test_the_others(
    builtin_service: Gateway, packages: Path, tmp_path: Path, package: str, prefix: str
) -> None:
    script = OTHERS.format(package=package, prefix=prefix)
    answer = use(script, packages, builtin_service, tmp_path)
    ((x_min, confidence),) = answer["faces"]
    assert 150 < x_min < 200
    assert confidence > 0.99
    assert answer["labels"] == [{"face": 1}, {"face": 1}]
    assert (answer["users"], answer["matched"], answer["registered"]) == (["unknown"], {}, 0)
    assert "404" in answer["register"]
