"""The command line follows common conventions."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facedetect.cli.console_table import print_table
from facedetect.cli.exit_codes import INTERRUPTED
from facedetect.cli.lazy_commands import COMMANDS
from facedetect.cli.waiting import Spinner, waiting
from facedetect.faces import Face
from facedetect.formatting import counted
from facedetect.images import BGRImage, ImageLimits, decode_image, load_image, write_image
from tests.conftest import ASTRONAUT, DATA, GRACE_HOPPER
from tests.fake import finding
from tests.live import live
from tests.processes import call, run


def piped(*arguments: str | Path, stdin: Path, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    with stdin.open("rb") as file:
        return subprocess.run(
            [sys.executable, "-m", "facedetect", *arguments],
            stdin=file,
            cwd=cwd,
            capture_output=True,
            check=True,
        )


def test_short_options() -> None:
    assert call("-V").stdout == call("--version").stdout
    assert call("detect", "-h").stdout == call("detect", "--help").stdout
    assert call("keys", "add", "-h").returncode == 0


def test_standard_input_is_an_image(tmp_path: Path) -> None:
    found = json.loads(piped("detect", "--json", "-", stdin=ASTRONAUT, cwd=tmp_path).stdout)
    assert (found["file"], len(found["faces"])) == ("-", 1)
    piped("hide", "-", "-o", "out.png", "--style", "solid", stdin=ASTRONAUT, cwd=tmp_path)
    assert not load_image(tmp_path / "out.png")[80:150, 190:260].any()
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_standard_output_is_a_png(tmp_path: Path, astronaut: BGRImage, server: str) -> None:
    hidden = piped("hide", "-", "-o", "-", "--style=solid", stdin=ASTRONAUT, cwd=tmp_path).stdout
    assert not decode_image(hidden, ImageLimits())[80:150, 190:260].any()
    for where in ((), ("--server", server)):
        drawn = piped("annotate", "-", "-o", "-", *where, stdin=ASTRONAUT, cwd=tmp_path).stdout
        assert drawn.startswith(b"\x89PNG")
        assert not np.array_equal(decode_image(drawn, ImageLimits()), astronaut)
    assert not list(tmp_path.iterdir())


def test_a_terminal_gets_no_picture() -> None:
    ours, terminal = os.openpty()
    command = [sys.executable, "-m", "facedetect", "annotate", str(ASTRONAUT), "-o", "-"]
    with os.fdopen(ours, "rb"), os.fdopen(terminal, "wb") as stdout:
        ended = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, "or a terminal; redirect it" in ended.stderr) == (2, True)


@pytest.mark.parametrize("command", [("detect", "-"), ("hide", "-", "-o", "out.png")])
def test_closed_standard_input_is_told(tmp_path: Path, command: tuple[str, ...]) -> None:
    closing = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "facedetect"]
    ended = subprocess.run(
        [*closing, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: standard input is closed; give a file")


def test_files_and_folders_are_taken_together(tmp_path: Path, astronaut: BGRImage) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("no image")
    write_image(tmp_path / "deep" / "er" / "a.png", astronaut)
    write_image(tmp_path / "b.png", astronaut)
    ended = call("detect", "--json", GRACE_HOPPER, tmp_path)
    names = [json.loads(line)["file"] for line in ended.stdout.splitlines()]
    assert names == [str(GRACE_HOPPER), f"{tmp_path}/b.png", f"{tmp_path}/deep/er/a.png"]
    (tmp_path / "empty").mkdir()
    ended = call("detect", tmp_path / "empty")
    assert (ended.returncode, "contains no image" in ended.stderr) == (2, True)


def test_csv_has_a_line_for_each_face_and_each_image_without(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    ended = call("detect", "--csv", ASTRONAUT, tmp_path / "text.jpg")
    found, failed = csv.DictReader(io.StringIO(ended.stdout))
    assert float(found["x_min"]) == pytest.approx(180, abs=1)
    assert (failed["status"], failed["reason"]) == ("failed", "UnsupportedImage")
    ended = call("detect", "--csv", "--json", ASTRONAUT)
    assert (ended.returncode, "give one" in ended.stderr) == (2, True)


def test_json_has_the_digits_of_the_service() -> None:
    row = json.loads(call("detect", "--json", ASTRONAUT).stdout)
    (face,) = row["faces"]
    assert face["box"]["x_min"] == round(face["box"]["x_min"], 2)
    assert face["landmarks"]["nose"]["y"] == round(face["landmarks"]["nose"]["y"], 2)
    assert face["confidence"] == round(face["confidence"], 5)


@pytest.mark.parametrize("columns", ["20", "200"])
def test_text_is_plain_and_whole_however_narrow_the_terminal(columns: str) -> None:
    text = call("detect", DATA, env={"COLUMNS": columns}).stdout
    assert text.isascii()
    assert "204,101" in text
    assert "244,142" in text
    assert len(text.splitlines()) == 6


def test_tables_are_aligned_and_escape_what_a_terminal_would_act_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("name", "n"), [("写真", "1"), ("\x1b[2J", "10")], justify="right")
    assert capsys.readouterr().out == "   name   n\n   写真   1\n\\x1b[2J  10\n"


def test_counts_have_their_nouns() -> None:
    assert [counted(n, "face") for n in (0, 1, 1234)] == ["0 faces", "1 face", "1,234 faces"]


@pytest.mark.parametrize("command", ["detect", "annotate", "annotate-folder"])
def test_the_limit_on_pixels_is_told_and_raised_for_files_here(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").symlink_to(ASTRONAUT)
    arguments = {"detect": ["in/a.jpg"], "annotate": ["in/a.jpg", "-o", "a.png"]}
    for allowed, code in ((512 * 512 - 1, 1), (512 * 512, 0)):
        env = {"FACEDETECT_MAX_IMAGE_PIXELS": str(allowed)}
        ended = call(command, *arguments.get(command, ["in", "out"]), cwd=tmp_path, env=env)
        assert ended.returncode == code
        told = "512x512 = 262144 pixels, more than the 262143 allowed" in ended.stderr
        assert (told, "raise FACEDETECT_MAX_IMAGE_PIXELS" in ended.stderr) == (bool(code),) * 2


def test_no_face_is_an_exit_code_if_asked(tmp_path: Path) -> None:
    nobody = "--min-size", "400", ASTRONAUT
    assert call("detect", *nobody).returncode == 0
    ended = call("detect", "--fail-if-none", "-q", *nobody)
    assert (ended.returncode, ended.stdout, ended.stderr) == (4, "", "")
    assert call("detect", "--fail-if-none", ASTRONAUT).returncode == 0
    assert call("detect", "--fail-if-none", *nobody, tmp_path / "none.jpg").returncode == 1


def test_verbose_tells_the_time_on_standard_error() -> None:
    ended = call("detect", "-v", ASTRONAUT)
    assert ended.stderr.startswith(f"{ASTRONAUT}: 512x512 px, ")
    assert ended.stderr.endswith(" ms, model mtcnn version 1\n")


def test_a_port_in_use_is_a_line_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = call("serve", "--port", str(port))
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: port {port} on 127.0.0.1 is already in use, ")
    assert "--port" in ended.stderr
    ended = call("serve", "--host", "192.0.2.1", "--without-keys")
    assert (ended.returncode, "is not an address of this machine" in ended.stderr) == (2, True)


def test_shells_can_complete_commands_and_options() -> None:
    """In a process of its own: the command's name comes from the program that runs."""
    asked = {"_FACEDETECT_COMPLETE": "complete_bash"}
    commands = run(env={**asked, "COMP_WORDS": "facedetect anno", "COMP_CWORD": "1"}).stdout
    assert commands.split() == ["annotate", "annotate-folder"]
    options = run(env={**asked, "COMP_WORDS": "facedetect hide --sh", "COMP_CWORD": "2"}).stdout
    assert options.split() == ["--shape"]


def test_helps_and_usage_errors_are_plain_where_the_output_is_no_terminal() -> None:
    for command in ((), ("detect",), ("keys",), ("keys", "add"), ("model-server",)):
        text = call(*command, "--help").stdout
        assert "Usage: " in text
        assert text.isascii()
    listed = call("--help", env={"COLUMNS": "40"}).stdout
    assert all(line in " ".join(listed.split()) for line in COMMANDS.values())  # whole, not cut
    ended = call("detect", "--bogus")
    assert (ended.returncode, ended.stderr.isascii()) == (2, True)
    assert "No such option: --bogus" in ended.stderr


def test_helps_show_default_values_bare_and_descriptions_in_parentheses() -> None:
    text = " ".join(call("detect", "--help").stdout.split())
    for shown in ("20", "0.6,0.7,0.7", "(all); x>=1"):
        assert f"[default: {shown}]" in text
    assert "[default: 8000]" in call("serve", "--help").stdout


@pytest.mark.parametrize("module", ["typer.", "pydantic."])
def test_ctrl_c_ends_a_command_quietly_while_it_is_imported(module: str) -> None:
    """Python itself tells which modules it has imported, these among the first of many."""
    command = [sys.executable, "-X", "importtime", "-m", "facedetect", "detect", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as one:
        assert one.stderr is not None
        next(line for line in one.stderr if f" {module}" in line)
        one.send_signal(signal.SIGINT)
        rest = one.stderr.read()
    assert one.returncode in {INTERRUPTED, -signal.SIGINT}  # 130 for shells, both
    assert "Traceback" not in rest


def test_nothing_spins_where_the_output_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("loading the model"):
        pass
    assert capsys.readouterr().err == ""


def test_a_spinner_never_starts_after_it_was_stopped() -> None:
    terminal = io.StringIO()
    spinner = Spinner("[b]loading the model", terminal)
    spinner.start()
    spinner.stop()
    shown = terminal.getvalue()
    assert "[b]loading the model" in shown
    spinner.start()
    assert terminal.getvalue() == shown


@pytest.fixture
def server(a_face: Face) -> Iterator[str]:
    with live(finding(a_face)) as running:
        yield running.url


def test_a_running_service_finds_and_draws(
    server: str, tmp_path: Path, a_face: Face, noise: BGRImage
) -> None:
    write_image(tmp_path / "noise.png", noise)
    ended = call("detect", "--json", "--server", server, tmp_path / "noise.png")
    found = json.loads(ended.stdout)["faces"][0]
    assert found["confidence"] == pytest.approx(a_face.confidence)
    out = tmp_path / "out.png"
    drawn = call(
        *("annotate", tmp_path / "noise.png", "-o", out, "--style", "solid"),
        env={"FACEDETECT_SERVER": server},
    )
    assert drawn.returncode == 0
    assert not load_image(out)[6:24, 11:29].any()


def test_a_preset_fits_the_limit_of_the_service(a_face: Face) -> None:
    with live(finding(a_face), max_pyramid_pixels=500_000) as running:
        ask = "detect", ASTRONAUT, "--server", running.url, "--preset", "few-misses"
        assert call(*ask).returncode == 0
        refused = call(*ask, "--min-size", "12")
    assert "use min_size" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["annotate", "clip.mp4", "-o", "out.mp4"], "does not accept videos"),
        (["annotate", "a.png", "-o", "out.tif"], "does not write .tif"),
        (["annotate", "a.png", "-o", "out.png", "--shape", "ellipse"], "its own masks"),
        (["detect", "a.png", "--backend", "embedded:"], "has its own backend"),
    ],
)
def test_what_a_service_does_not_do_is_told(arguments: list[str], message: str) -> None:
    ended = call(*arguments, "--server", "http://127.0.0.1:9")
    assert (ended.returncode, message in ended.stderr) == (2, True)


def test_a_service_that_is_away_is_exit_code_3() -> None:
    ended = call("detect", "--server", "http://127.0.0.1:9", ASTRONAUT)
    assert (ended.returncode, "cannot be reached" in ended.stderr) == (3, True)
