"""Import the optional packages of the extra `evaluate`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from facedetect.errors import InvalidSettings


@contextmanager
def requires_evaluate_extra(purpose: str) -> Iterator[None]:
    """Wrap imports of SciPy or Matplotlib; raises InvalidSettings if one is not installed."""
    try:
        yield
    except ImportError as error:
        raise InvalidSettings(
            f"{purpose} needs {error.name}, which is not installed; run "
            "pip install 'facedetect[evaluate]'"
        ) from error
