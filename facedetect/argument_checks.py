"""What arguments are: numbers, one image or several; and words for the wrong ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import TypeGuard

from facedetect.errors import InvalidParams, InvalidSettings

_CHANNEL_COUNTS = (1, 3, 4)
_VOWELS = (*"aeiou", "ndarray")


def is_finite_number(value: object) -> TypeGuard[float]:
    """Return whether it is a number, Python's or NumPy's, and neither infinite nor NaN."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: object) -> TypeGuard[int]:
    """Return whether it is an integer of at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def type_with_article(value: object) -> str:
    """Return "an int", "a str", or "None"."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name.lower().startswith(_VOWELS) else 'a'} {name}"


def shortened(value: object) -> str:
    """Return how Python writes a value, up to 40 characters."""
    return f"{value!r:.40}"


def check_number(rule: str, value: object, is_allowed: Callable[[float], bool]) -> None:
    """Raise InvalidParams with the rule, such as "size must be at least 8"."""
    if not is_finite_number(value):
        raise InvalidParams(f"{rule}; it is {shortened(value)}, not a finite number")
    if not is_allowed(value):
        raise InvalidParams(f"{rule}; it is {value:.9g}")


def check_concurrency(concurrency: object) -> None:
    """Raise InvalidSettings."""
    if not is_count(concurrency):
        raise InvalidSettings(
            f"concurrency is {shortened(concurrency)}; it must be an integer of at least 1"
        )


def check_several(images: object) -> None:
    """Raise InvalidParams for one image or one folder instead of several images."""
    if isinstance(images, str | bytes | bytearray | memoryview) or hasattr(images, "__fspath__"):
        what = f"{type_with_article(images)}, {shortened(images)}"
    elif hasattr(images, "read") or not _is_iterable(images) or _is_one_array(images):
        what = type_with_article(images)
    else:
        return
    raise InvalidParams(
        f"detect_batch takes several images, and was given {what}; pass a list such as [image], "
        "or the files of a folder: sorted(Path(folder).glob('*.jpg'))"
    )


def _is_iterable(images: object) -> bool:
    return any(hasattr(images, name) for name in ("__iter__", "__getitem__", "__aiter__"))


def _is_one_array(images: object) -> bool:
    """Return whether it is one picture's pixels, not an array of pictures."""
    match getattr(images, "shape", None):
        case (_, _):
            return True
        case (_, _, channels):
            return channels in _CHANNEL_COUNTS
    return False
