"""TensorFlow without the lines it prints on every start."""

from __future__ import annotations

import importlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from facedetect.errors import InvalidSettings

# What TensorFlow prints about itself before its log level can be set, and where it finds a graphics
# card's driver without a card.
_NOISE = (
    r"WARNING: All log messages before absl::InitializeLog"
    r"|I0000 .*(port|cudart_stub|cpu_feature_guard)\.cc"
    r"|To enable the following instructions"
    r"|E0000 .*failed call to cuInit"
)

_FILTER_END_S = 2.0

# A process of its own: should TensorFlow abort, on a processor it was not built for, its last
# words still come through.
_FILTER = """
import re, sys
for line in sys.stdin.buffer:
    if not re.match(sys.argv[1].encode(), line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def import_tensorflow_quietly() -> Any:
    """Import and return TensorFlow, keeping all but its own greetings on standard error.

    Raises InvalidSettings if it is not installed.
    """
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    # Information and warnings of the C++ side; errors still show. The user's own choice wins.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with without_noise():
            tensorflow = importlib.import_module("tensorflow")
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise InvalidSettings(
            "this needs TensorFlow, which is not installed: install facedetect with its extra "
            "tensorflow, or name a server that runs the model, as in --backend grpc://HOST:8500/mtcnn"
        ) from error
    # Warns on each use of the graph API, which is the one that TensorFlow Serving is made for.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return tensorflow


# There is one file descriptor 2: who leads it elsewhere has it alone until it is back.
_redirecting = threading.RLock()


@contextmanager
def without_noise() -> Iterator[None]:
    """Lead file descriptor 2 through the filter: the lines come from C++, before Python has a say.

    Without a standard error, or an interpreter to run the filter, nothing is done.
    """
    with _redirecting, ExitStack() as stack:
        try:
            original = os.dup(2)
        except OSError:
            original = None
        if original is not None:
            stack.callback(os.close, original)
            if sys.executable:
                stack.enter_context(_filtered(original))
        yield


@contextmanager
def _filtered(original: int) -> Iterator[None]:
    command = [sys.executable, "-I", "-S", "-c", _FILTER, _NOISE]
    noise_filter = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - our own
    assert noise_filter.stdin is not None
    os.dup2(noise_filter.stdin.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(original, 2)
        noise_filter.stdin.close()
        # Not for ever: a process that another thread has started meanwhile may hold the pipe open.
        with suppress(subprocess.TimeoutExpired):
            noise_filter.wait(_FILTER_END_S)
