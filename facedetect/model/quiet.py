"""TensorFlow without the lines it prints on every start."""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# What TensorFlow prints about itself before its log level can be set.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|I0000 .*(port|cudart_stub|cpu_feature_guard)\.cc"
    rb"|To enable the following instructions"
)


def import_tensorflow_quietly() -> None:
    """Import TensorFlow, keeping everything but its own greetings on standard error."""
    if "tensorflow" in sys.modules:
        return
    # Information and warnings of the C++ side; errors still show. The user's own choice wins.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _without_noise():
        importlib.import_module("tensorflow")
    # Warns on each use of the graph API, which is the one that TensorFlow Serving is made for.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextmanager
def _without_noise() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 and pass on what is not noise.

    The lines come from C++ before Python has a say, so the descriptor itself is redirected.
    """
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)
            held.seek(0)
            for line in held:
                if not _NOISE.match(line):
                    os.write(2, line)
