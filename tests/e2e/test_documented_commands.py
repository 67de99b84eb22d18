"""The commands in README and the pages work as written."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from contextlib import chdir
from pathlib import Path

import httpx2
import pytest

from benchmarks.servers import Gateway
from facedetect.model_server.development_server import ModelServer
from tests.conftest import DATA
from tests.processes import call, served

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(text: str, program: str) -> list[list[str]]:
    """Return the shell lines of a page that call `program`, without comments."""
    lines = "\n".join(blocks(text, "sh")).splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith(f"{program} ")]


@pytest.fixture
def service(builtin_service: Gateway) -> httpx2.Client:
    return builtin_service.client


def test_the_curl_command_of_the_readme(service: httpx2.Client, tmp_path: Path) -> None:
    address = f"{service.base_url.host}:{service.base_url.port}"
    (command,) = commands(README, "curl")
    here = [part.replace("localhost:8000", address) for part in command]
    here = [part.replace("@tests/data", f"@{DATA}") for part in here]
    options = ["--silent", "--show-error", "--fail"]
    ended = subprocess.run([*here, *options], cwd=tmp_path, capture_output=True, check=True)
    assert len(json.loads(ended.stdout)["faces"]) == 1


def test_the_answer_for_web_developers_has_the_real_shape(service: httpx2.Client) -> None:
    (shown,) = blocks(readers_page("web-developer"), "json")
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
    names = [command[1] for command in found]
    assert names == ["annotate", "hide", "annotate-folder", "annotate-folder", "detect"]
    for command in found:
        ended = call(*command[1:], cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr


def test_the_documented_gateway_asks_its_model_server(builtin_server: ModelServer) -> None:
    found = commands((ROOT / "docs/serving.md").read_text("utf-8"), "facedetect")
    assert ["facedetect", "model-server"] in found
    (options,) = (command[2:] for command in found if command[1] == "serve")
    photo = (DATA / "astronaut.jpg").read_bytes()
    here = (option.replace(":8500/", f":{builtin_server.port}/") for option in options)
    with served(*here) as running:
        answer = running.client.post("/detect", files={"image": photo})
        assert len(answer.json()["faces"]) == 1


@pytest.mark.parametrize(
    "page", ["README.md", "docs/python.md", "docs/hiding.md", "docs/readers/data-scientist.md"]
)
def test_the_python_snippets(page: str, tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    snippets = blocks((ROOT / page).read_text("utf-8"), "python")
    assert snippets
    with chdir(tmp_path):
        for code in snippets:
            exec(code, {})  # noqa: S102 - the documentation's own


def readers_page(name: str) -> str:
    return (ROOT / f"docs/readers/{name}.md").read_text("utf-8")


@pytest.mark.parametrize(("page", "count"), [("photographer", 3), ("data-scientist", 1)])
def test_the_folder_commands_of_the_readers_pages(page: str, count: int, tmp_path: Path) -> None:
    for folder in ("photos", "images"):
        (tmp_path / folder).mkdir()
        shutil.copy(DATA / "astronaut.jpg", tmp_path / folder)
    found = [c for c in commands(readers_page(page), "facedetect") if c[1] == "annotate-folder"]
    assert len(found) == count
    for command in found:
        ended = call(*command[1:], cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("page", ["web-developer", "camera-owner"])
def test_the_curl_commands_of_the_readers_pages(
    page: str, service: httpx2.Client, tmp_path: Path
) -> None:
    for name in ("photo.jpg", "frame.jpg"):
        shutil.copy(DATA / "astronaut.jpg", tmp_path / name)
    address = f"{service.base_url.host}:{service.base_url.port}"
    (command,) = commands(readers_page(page), "curl")
    here = [part.replace("localhost:8000", address) for part in command]
    ended = subprocess.run([*here, "--silent"], cwd=tmp_path, check=True, capture_output=True)
    answer = json.loads(ended.stdout)
    assert len(answer.get("faces") or answer["predictions"]) == 1


def test_the_snippets_of_the_client(service: httpx2.Client, tmp_path: Path) -> None:
    for name in ("tests", "README.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    snippets = blocks((ROOT / "docs/client.md").read_text("utf-8"), "python")
    assert len(snippets) >= 6
    with chdir(tmp_path):
        for code in snippets:
            assert "http://localhost:8000" in code
            url = str(service.base_url).rstrip("/")
            exec(code.replace("http://localhost:8000", url), {})  # noqa: S102 - as above


def test_the_commands_that_build_a_model(tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    first = blocks((ROOT / "docs/model.md").read_text("utf-8"), "sh")[0]
    lines = [shlex.split(line)[1:] for line in first.splitlines()]
    assert [line[0] for line in lines] == ["freeze", "convert", "inspect", "detect"]
    ended = [call(*line, cwd=tmp_path) for line in lines]
    assert [one.returncode for one in ended] == [0, 0, 0, 0]
    assert ended[1].stdout == "models/mtcnn/1\n"
    assert "1 face" in ended[3].stdout
    inspected = json.loads(call("inspect", "models/mtcnn", "--json", cwd=tmp_path).stdout)
    signatures = {signature["name"]: signature for signature in inspected["signatures"]}
    names = {"input", "min_size", "thresholds", "factor"}
    assert set(signatures["serving_default"]["inputs"]) == names
    table = call("inspect", "mtcnn.pb", cwd=tmp_path).stdout
    assert "Possible inputs" in table
    assert "min_size:0" in table
    again = call(*lines[1], cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.startswith("error: models/mtcnn/1 exists")
    wrong = call("convert", "mtcnn.pb", "other", "--input", "input", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "is not NAME=VALUE" in wrong.stderr


def test_every_line_of_the_migration_tables_runs(tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    page = (ROOT / "docs/migrating.md").read_text("utf-8")
    (setup,) = blocks(page, "python")
    rows = re.findall(r"^\| .*`.* \| `([^`]+)` \|$", page, re.MULTILINE)
    assert len(rows) == page.count("\n| ") - 2 * page.count("\n| ---")
    assert len(rows) > 30
    names: dict[str, object] = {}
    with chdir(tmp_path):
        exec(setup, names)  # noqa: S102 - the documentation's own
        for code in rows:
            exec(code, names)  # noqa: S102 - as above
        assert names["boxes"] == [face.box.xyxy for face in names["faces"]]  # type: ignore[attr-defined]
        assert eval("detector.detect(image, min_size=400) == []", names)  # noqa: S307 - a row
