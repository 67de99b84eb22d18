"""What an evaluation needs beyond the package's own dependencies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from facedetect.errors import InvalidSettings


@contextmanager
def evaluation_extra(purpose: str) -> Iterator[None]:
    """Import SciPy or Matplotlib within; raises InvalidSettings if they are not installed."""
    try:
        yield
    except ImportError as error:
        raise InvalidSettings(
            f"{purpose} needs {error.name}, which is not installed; "
            "install facedetect[evaluate], facedetect with its extra evaluate"
        ) from error
