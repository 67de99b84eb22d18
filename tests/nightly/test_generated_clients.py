"""Clients generated from the OpenAPI document find faces through the real service."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shutil import copy

import pytest

from benchmarks.servers import Command, Gateway
from tests.conftest import ASTRONAUT
from tests.nightly.foreign_clients import npm_install, pip_install, run_script, run_tool

# What openapi-python-client needs that is not a dependency of this project or its tests.
PYTHON_GENERATOR = [
    *("openapi-python-client==0.29.1", "httpx==0.28.1", "httpcore==1.0.9", "h11", "attrs"),
    *("python-dateutil", "six", "shellingham", "ruamel.yaml", "typer", "jinja2", "markupsafe"),
]
TYPESCRIPT_GENERATORS = [
    *("@hey-api/openapi-ts@0.95.0", "openapi-typescript@7.13.0", "openapi-fetch@0.17.0"),
    *("openapi-typescript-codegen@0.31.0", "typescript@5.9.3", "@types/node@20"),
]

USE_PYTHON = """
from io import BytesIO
from facedetect_client import Client
from facedetect_client.api.cameras import vision_face
from facedetect_client.api.faces import annotate, detect, detect_batch
from facedetect_client.api.operations import readyz
from facedetect_client.models import (
    AnnotateFilesBody, AnnotateStyle, CameraResponse, DetectBatchBody, DetectFilesBody,
    DetectResponse, Problem, ReadyResponse, VisionFaceBody,
)
from facedetect_client.types import File

picture = open(path, "rb").read()
photo = lambda: File(BytesIO(picture), "photo.jpg")
with Client(base_url=url) as client:
    found = detect.sync(client=client, body=DetectFilesBody(photo()), min_size=40)
    raw = detect.sync(client=client, body=File(picture))
    refused = detect.sync(client=client, body=File(b"text"))
    batch = detect_batch.sync(client=client, body=DetectBatchBody([photo(), photo()]))
    hidden = annotate.sync(
        client=client, body=AnnotateFilesBody(photo()), style=AnnotateStyle.BLUR
    )
    camera = vision_face.sync(client=client, body=VisionFaceBody(photo(), min_confidence=0.5))
    ready = readyz.sync(client=client)
assert isinstance(found, DetectResponse) and isinstance(raw, DetectResponse)
assert isinstance(refused, Problem) and refused.status == 415, refused
assert isinstance(camera, CameraResponse) and isinstance(ready, ReadyResponse)
assert hidden.payload.read(4) == b"\\x89PNG"
answer = {
    "faces": [face.box.x_min for face in found.faces],
    "eye": found.faces[0].landmarks.left_eye.x,
    "batch": [len(result.detection.faces) for result in batch.results],
    "camera": [face.label for face in camera.predictions],
}
"""

SCRIPTS = Path(__file__).with_name("typescript")
# Type errors fail the compiler; what the scripts read of /detect has no cast and no `any`.
COMPILER = [
    *("--strict", "--noUncheckedIndexedAccess", "--skipLibCheck", "--target", "es2022"),
    *("--lib", "es2022,dom,dom.iterable", "--types", "node", "--outDir", "js"),
    *("--module", "commonjs", "--moduleResolution", "node10"),
]


@pytest.fixture(scope="module")
def document(builtin_service: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(builtin_service.client.get("/openapi.json").content)
    return path


@pytest.fixture(scope="module")
def python_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pip_install(tmp_path_factory.mktemp("python"), *PYTHON_GENERATOR)


@pytest.fixture(scope="module")
def node_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return npm_install(tmp_path_factory.mktemp("node"), *TYPESCRIPT_GENERATORS)


def test_python(
    builtin_service: Gateway, document: Path, python_packages: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(
        "content_type_overrides: {image/png: application/octet-stream}\npost_hooks: []\n"
    )
    generate: Command = [
        sys.executable,
        "-m",
        "openapi_python_client",
        "generate",
        "--fail-on-warning",
    ]
    options: Command = ["--path", document, "--config", "config.yaml", "--meta", "none"]
    out = python_packages / "facedetect_client"
    run_tool([*generate, *options, "--output-path", out], tmp_path, {"PYTHONPATH": python_packages})
    values = {"url": str(builtin_service.client.base_url), "path": str(ASTRONAUT)}
    answer = run_script(USE_PYTHON, values, python_packages, tmp_path)
    check_faces(answer["faces"], answer["eye"])
    assert (answer["batch"], answer["camera"]) == ([1, 1], ["face"])


@pytest.mark.parametrize(
    ("name", "generate"),
    [
        ("hey", ["openapi-ts", "-i", "openapi.json", "-o", "hey"]),
        ("fetch", ["openapi-typescript", "openapi.json", "-o", "schema.d.ts"]),
        ("codegen", ["openapi", "--input", "openapi.json", "--output", "codegen"]),
    ],
)
def test_typescript(
    builtin_service: Gateway, document: Path, node_packages: Path, name: str, generate: list[str]
) -> None:
    tools = node_packages / "node_modules" / ".bin"
    for file in (document, SCRIPTS / "main.ts", SCRIPTS / f"{name}.use.ts"):
        copy(file, node_packages)
    run_tool([tools / generate[0], *generate[1:]], node_packages)
    run_tool([tools / "tsc", *COMPILER, "main.ts", f"{name}.use.ts"], node_packages)
    url = str(builtin_service.client.base_url)
    command: Command = ["node", "js/main.js", name, url, ASTRONAUT]
    answer = json.loads(run_tool(command, node_packages))
    check_faces(answer["faces"], answer["eye"])
    assert answer["status"] == 415
    assert answer.get("camera", ["face"]) == ["face"]
    assert answer.get("bytes", 10_001) > 10_000


def check_faces(x_mins: list[float], left_eye_x: float) -> None:
    (x_min,) = x_mins
    assert 150 < x_min < left_eye_x < 250
