"""The documentation's own claims."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import httpx2
import pytest

from benchmarks.servers import model_server
from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.model.geometry import ACCURATE, REFERENCE
from facedetect.service import create_app
from facedetect.settings import ServiceSettings
from tests.conftest import DATA
from tests.e2e.processes import run, served

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(ROOT.glob("*.md")),
    ROOT / "models/README.md",
]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(text: str, program: str) -> list[list[str]]:
    """The shell lines of a page that call `program`, comments dropped."""
    lines = "\n".join(blocks(text, "sh")).splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith(f"{program} ")]


@pytest.fixture(scope="module")
def service() -> Iterator[httpx2.Client]:
    with served() as client:
        yield client


def test_the_curl_commands_of_the_readme(service: httpx2.Client, tmp_path: Path) -> None:
    address = f"{service.base_url.host}:{service.base_url.port}"
    found = commands(README, "curl")
    assert len(found) >= 2
    for command in found:
        here = [part.replace("localhost:8000", address) for part in command]
        here = [part.replace("@tests/data", f"@{DATA}") for part in here]
        ended = subprocess.run(
            [*here, "--silent", "--show-error", "--fail"],
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        if "-o" not in here:
            assert len(json.loads(ended.stdout)["faces"]) == 1
    assert (tmp_path / "faces.png").read_bytes().startswith(b"\x89PNG")


def test_the_answer_in_the_readme_has_the_real_shape(service: httpx2.Client) -> None:
    (shown,) = blocks(README, "json")
    photo = (DATA / "astronaut.jpg").read_bytes()
    answer = service.post("/detect", files={"image": photo}).json()
    example = json.loads(shown)
    assert list(example) == list(answer)
    assert list(example["timings_ms"]) == list(answer["timings_ms"])
    box, shown_box = answer["faces"][0]["box"], example["faces"][0]["box"]
    assert shown_box == {side: pytest.approx(value, abs=0.1) for side, value in box.items()}


def test_the_facedetect_commands_of_the_readme(tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    found = commands(README, "facedetect")
    ending = [command for command in found if command[1] not in {"serve", "model-server"}]
    names = [command[1] for command in ending]
    assert names == ["detect", "annotate", "annotate-folder", "annotate-folder"]
    for command in ending:
        ended = run(*command[1:], cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr


def test_the_gateway_of_the_readme_asks_its_model_server() -> None:
    found = commands(README, "facedetect")
    assert ["facedetect", "model-server"] in found
    (options,) = (command[2:] for command in found if command[1] == "serve")
    with (
        model_server() as server,
        served(*(option.replace(":8500/", f":{server.port}/") for option in options)) as client,
    ):
        answer = client.post("/detect", files={"image": (DATA / "astronaut.jpg").read_bytes()})
        assert len(answer.json()["faces"]) == 1


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_python_snippets(page: str, tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    snippets = blocks((ROOT / page).read_text("utf-8"), "python")
    assert snippets
    for code in snippets:
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)


def test_the_snippets_of_the_client(service: httpx2.Client, tmp_path: Path) -> None:
    for name in ("tests", "README.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    snippets = blocks((ROOT / "docs/client.md").read_text("utf-8"), "python")
    assert len(snippets) >= 6
    for code in snippets:
        assert "http://localhost:8000" in code
        here = code.replace("http://localhost:8000", str(service.base_url).rstrip("/"))
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", here],
            cwd=tmp_path,
            capture_output=True,
            check=False,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr


def test_the_commands_that_build_a_model(tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    first = blocks((ROOT / "docs/model.md").read_text("utf-8"), "sh")[0]
    for line in first.splitlines():
        ended = run(*shlex.split(line)[1:], cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr


def test_every_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    for name, field in ServiceSettings.model_fields.items():
        default = shown_default(field.default)
        assert f"| `FACEDETECT_{name.upper()}` | {default} | {field.description} |" in page


def shown_default(value: object) -> str:
    if value is None or value == ():
        return "not set"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def test_every_call_and_parameter_is_documented() -> None:
    page = (ROOT / "docs/http.md").read_text("utf-8")
    document = create_app(ServiceSettings.load(), Detector(FakeBackend())).openapi()
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            assert f"`{method.upper()} {path}`" in page
            for parameter in call.get("parameters", []):
                assert f"| `{parameter['name']}` |" in page
            for status in set(call["responses"]) - {"200"}:
                assert f"| {status} |" in page


def test_every_command_and_option_is_documented() -> None:
    page = (ROOT / "docs/command-line.md").read_text("utf-8")
    helps = dict(commands_and_helps())
    assert len(helps) >= 10
    for command, text in helps.items():
        assert f"| `facedetect {command}" in page
        options = set(re.findall(r"--[a-z-]+", text)) - {"--help"}
        assert {option for option in options if option not in page} == set()


def commands_and_helps(*group: str) -> Iterator[tuple[str, str]]:
    """The commands listed by a help, those of groups too (`keys add`), each with its own."""
    _, _, listed = run(*group, "--help").stdout.partition("─ Commands ─")
    for name in re.findall(r"^│ ([a-z][a-z-]+) ", listed, re.MULTILINE):
        yield " ".join((*group, name)), run(*group, name, "--help").stdout
        yield from commands_and_helps(*group, name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not missing


def test_the_table_of_geometries_is_the_codes() -> None:
    page = (ROOT / "docs" / "model.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` (\| .*? \| .*? )\| ", page, re.MULTILINE))
    reference, accurate = asdict(REFERENCE), asdict(ACCURATE)
    for name, value in reference.items():
        assert rows[name] == f"| {value} | {accurate[name]} ", name


def test_every_dependency_says_why_it_is_there() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    start = lines.index("dependencies = [")
    listed = lines[start + 1 : lines.index("]", start)]
    assert all("#" in line for line in listed)


def test_every_module_says_what_it_is_for() -> None:
    modules = list((ROOT / "facedetect").rglob("*.py"))
    silent = [path for path in modules if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent
