"""Without Unix, everything that does not need it can be imported."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

WITHOUT_UNIX = """
import os, signal, sys

for module in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[module] = None  # importing it raises ImportError
for name in ("fork", "geteuid", "killpg", "memfd_create", "sched_getaffinity", "setsid"):
    delattr(os, name)
for name in ("SIGKILL", "SIGPROF", "SIGHUP"):
    delattr(signal, name)
"""


def run_without_unix(code: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_UNIX + textwrap.dedent(code)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_every_public_name_can_be_imported() -> None:
    run_without_unix("from facedetect import *; from facedetect.archive import *")


@pytest.mark.parametrize("command", ["detect", "annotate", "annotate-folder", "keys", "inspect"])
def test_commands_explain_themselves(command: str) -> None:
    text = run_without_unix(
        f"""
        sys.argv = ["facedetect", "{command}", "--help"]
        from facedetect.cli import main
        try:
            main()
        except SystemExit as ended:
            assert not ended.code
        """
    )
    assert "Usage: facedetect" in text
