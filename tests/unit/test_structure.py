"""Rules for the code: the direction of imports, their cost, and a mapping for every error."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import facedetect
from facedetect.cli.exit_codes import EXIT_CODES
from facedetect.errors import FacedetectError
from facedetect.service.problems import KINDS

PACKAGE = Path(facedetect.__file__).parent

# A module may import from its own layer and those above it.
LAYERS = [
    [
        "argument_checks",
        "arrays",
        "background_loop",
        "cores",
        "errors",
        "extras",
        "files",
        "formatting",
        "lazy_attributes",
        "memory",
        "ordered_map",
        "styles",
    ],
    ["model_ref"],
    ["detection_params", "faces", "mtcnn", "tfserving"],
    ["exports", "pairing", "presets"],
    ["images", "hiding", "render", "crops", "picture", "backends", "engine", "model"],
    ["fusion", "views"],
    ["view_search"],
    ["sandbox", "detector", "video"],
    ["setting_files", "setting_types", "settings"],
    ["archive", "model_server", "client"],
    ["evaluation"],
    ["service", "cli", "__main__"],
]
LEVELS = {name: level for level, layer in enumerate(LAYERS) for name in layer}


def imports_of(path: Path) -> Iterator[str]:
    """The parts of the package that a module imports from, however it says so."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        parts = [name.split(".") for name in names]
        yield from (part[1] for part in parts if part[0] == "facedetect" and part[1:])


def test_imports_point_one_way() -> None:
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if part == "__init__":
            continue
        imported = (name for name in imports_of(path) if name in LEVELS)
        wrong += [f"{path}: {name}" for name in imported if LEVELS[name] > LEVELS[part]]
    assert not wrong


def test_every_part_has_a_layer() -> None:
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert parts - {"__init__", "__pycache__", "py"} == set(LEVELS)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import facedetect, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(run.stdout.split())
    assert not loaded & {"tensorflow", "grpc", "fastapi", "pydantic", "typer"}


def test_public_names_are_sorted_and_there() -> None:
    assert facedetect.__all__ == sorted(facedetect.__all__)
    assert all(hasattr(facedetect, name) for name in facedetect.__all__)


def all_errors(root: type[FacedetectError]) -> Iterator[type[FacedetectError]]:
    yield root
    for subclass in root.__subclasses__():
        yield from all_errors(subclass)


def test_every_error_has_a_status_and_an_exit_code() -> None:
    errors = set(all_errors(FacedetectError))
    assert set(KINDS) == errors
    assert set(EXIT_CODES) == errors


def test_the_tree_of_errors_is_drawn_completely() -> None:
    drawing = (PACKAGE / "errors.py").read_text("utf-8").split('"""')[1]
    assert not [
        error.__name__ for error in all_errors(FacedetectError) if error.__name__ not in drawing
    ]


def test_every_name_stands_for_one_thing() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.stem not in {"__init__", "__main__"}]
    classes = [
        node.name
        for path in files
        if not path.stem.endswith("_pb2")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    for names in ([path.stem for path in files], classes):
        assert not [name for name, count in Counter(names).items() if count > 1]


def test_the_modules_that_pages_name_are_there() -> None:
    root = PACKAGE.parent
    pages = [*root.glob("*.md"), *(root / "docs").glob("*.md")]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    here = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_0-9]+\.py)`", text))
    assert not {
        name
        for name in named
        if not any(path == name or path.endswith(f"/{name}") for path in here)
        and not (PACKAGE.parent / name).exists()
    }
