"""Commands are imported when they run; the help neither imports nor misrepresents them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from facedetect.cli.lazy_commands import COMMANDS, load_command
from tests.processes import call


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_is_the_commands_own(name: str) -> None:
    command = load_command(name)
    assert command.name == name
    assert command.help.splitlines()[0] == COMMANDS[name]


def test_the_help_imports_no_command() -> None:
    code = (
        "import sys\nfrom facedetect.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(run.stdout.splitlines()[-1].split())
    assert not loaded & {"numpy", "cv2", "pydantic", "fastapi", "tensorflow"}
    assert not {
        name for name in loaded if name.startswith("facedetect.cli.") and "_command." in name
    }


def test_a_mistyped_command_is_told_the_right_one() -> None:
    ended = call("detcet", "photo.jpg")
    assert ended.returncode == 2
    assert "No such command 'detcet'. Did you mean 'detect'?" in ended.stderr


def test_commands_and_the_service_run_where_posix_modules_are_missing() -> None:
    """As on Windows."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['fcntl', 'resource', 'pwd', 'grp']))\n"
        "from facedetect.cli.lazy_commands import COMMANDS, load_command\n"
        "for name in COMMANDS: load_command(name)\n"
        "from facedetect.service.http_server import raise_open_file_limit\n"
        "raise_open_file_limit()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
