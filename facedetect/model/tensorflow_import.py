"""Import TensorFlow without the messages it logs at every start."""

from __future__ import annotations

import importlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from facedetect.errors import InvalidSettings

# Logged while the shared libraries load, before TF_CPP_MIN_LOG_LEVEL takes effect.
_STARTUP_LINES = (
    r"WARNING: All log messages before absl::InitializeLog|I0000 .*(port|cudart_stub)\.cc"
)
_FILTER = """
import re, sys
for line in sys.stdin.buffer:
    if not re.match(sys.argv[1].encode(), line):
        sys.stderr.buffer.write(line)
"""
_FILTER_EXIT_S = 2.0


def import_tensorflow() -> Any:
    """Import and return TensorFlow; raises InvalidSettings if it is not installed."""
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    # Only fatal errors of the C++ code; all others also reach Python as exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _without_startup_lines():
            tensorflow = importlib.import_module("tensorflow")
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise InvalidSettings(
            "SavedModels and graphs need TensorFlow, which is not installed; run "
            "pip install 'facedetect[tensorflow]', or use the backend embedded:, which does not "
            "need it"
        ) from error
    # It warns at each use of the graph API, which TensorFlow Serving requires.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return tensorflow


@contextmanager
def _without_startup_lines() -> Iterator[None]:
    """Filter file descriptor 2, which the C++ code writes to.

    A child process filters, so that the reason still appears if TensorFlow aborts, as on a CPU
    without AVX.
    """
    if sys.stderr is None or not sys.executable:
        yield
        return
    original = os.dup(2)
    command = [sys.executable, "-ISuc", _FILTER, _STARTUP_LINES]
    child = subprocess.Popen(  # noqa: S603 - our own; Ctrl-C is the parent's
        command, stdin=subprocess.PIPE, start_new_session=True
    )
    assert child.stdin is not None
    try:
        os.dup2(child.stdin.fileno(), 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        child.stdin.close()
        # A process started by another thread in the meantime may keep the pipe open.
        with suppress(subprocess.TimeoutExpired):
            child.wait(_FILTER_EXIT_S)
