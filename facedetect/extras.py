"""Import the packages of the extras, such as `facedetect[video]`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from facedetect.errors import FacedetectError, InvalidSettings


@contextmanager
def requires_extra(
    purpose: str,
    extra: str,
    error_type: type[FacedetectError] = InvalidSettings,
    *,
    otherwise: str = "",
) -> Iterator[None]:
    """Wrap imports of an extra's packages; raises `error_type` if one is not installed.

    `otherwise` is what else the user can do, such as "send JPEG".
    """
    try:
        yield
    except ImportError as error:
        alternative = f", or {otherwise}" if otherwise else ""
        raise error_type(
            f"{purpose} needs {error.name}, which is not installed; run pip install "
            f"'facedetect[{extra}]' (in a checkout .venv/bin/pip install '.[{extra}]'){alternative}"
        ) from error
