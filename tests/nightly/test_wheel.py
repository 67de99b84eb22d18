"""The built wheel works outside the checkout, with weights and engine."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from benchmarks.servers import Command
from tests.conftest import ASTRONAUT
from tests.processes import run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `facedetect` command of an environment with the wheel.

    Its dependencies are those of this environment, put on the path: installing TensorFlow again
    would take a minute and show nothing of the wheel.
    """
    folder = tmp_path_factory.mktemp("wheel")
    build: Command = [sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    pip: Command = [python, "-m", "pip", "install", "--quiet", "--no-deps", wheel]
    subprocess.run(pip, check=True, capture_output=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv" / "bin" / "facedetect"


def test_it_detects_and_writes_nothing_else(installed: Path, tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    ended = run("detect", ASTRONAUT, command=installed, cwd=tmp_path, env=env)
    assert ended.returncode == 0, ended.stderr
    assert "1 face" in ended.stdout
    assert not ended.stderr
    assert not list(tmp_path.iterdir())


def test_it_is_the_wheel_that_runs(installed: Path, tmp_path: Path) -> None:
    code = "import facedetect.mtcnn.weights as w; print(w.default_weights_path())"
    python = installed.with_name("python")
    found = subprocess.run([python, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert Path(found.stdout.decode().strip()).is_relative_to(installed.parents[1])


def test_the_page_comes_along(installed: Path, tmp_path: Path) -> None:
    code = "import facedetect.service.page as page; print(page.__file__)"
    python = installed.with_name("python")
    found = subprocess.run([python, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    files = Path(found.stdout.decode().strip()).with_name("static").iterdir()
    ours = ROOT / "facedetect" / "service" / "page" / "static"
    assert {file.name for file in files} == {file.name for file in ours.iterdir()}


def test_two_processes_may_build_at_the_same_time(installed: Path, tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": ""}
    code = "from facedetect.model.builtin import builtin_model; builtin_model()"
    command: Command = [installed.with_name("python"), "-c", code]
    both = [subprocess.Popen(command, env=env) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert len(list((tmp_path / "cache" / "facedetect").iterdir())) == 1
