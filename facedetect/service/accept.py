"""Which representation a client prefers, by its Accept header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from starlette.exceptions import HTTPException

JSON = "application/json"
PICTURES = ("image/png", "image/jpeg", "image/webp")

_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_SHOWN_CHARACTERS = 100


def preferred_type(accept: str, offers: Sequence[str]) -> str:
    """Return the offered media type with the highest weight in an Accept header.

    Ties go to the one named first, then to the first of `offers`, which is also the answer if none
    is acceptable. Only if pictures of other types are asked for, raises HTTPException with status
    406: the client would take anything else for such a picture.
    """
    best = max(offers, key=lambda offer: _preference(accept, offer))
    weight, _ = _preference(accept, best)
    if not weight and any(name.startswith("image/") for name, q in _ranges(accept) if q):
        raise HTTPException(
            406,
            f"Accept is {accept[:_SHOWN_CHARACTERS]!r}; the pictures made here are "
            f"{', '.join(PICTURES)}",
        )
    return best


def _preference(accept: str, media_type: str) -> tuple[float, int]:
    """Return the weight of the most specific range that matches, and minus its position."""
    ranges = ["*/*", media_type.partition("/")[0] + "/*", media_type]
    found = (-1, 0.0, 0)
    for place, (name, q) in enumerate(_ranges(accept)):
        if name in ranges:
            found = max(found, (ranges.index(name), q, -place))
    _, weight, order = found
    return (weight, order) if weight else (0.0, 0)


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Yield each media range with its weight."""
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        yield name, _weight(parameters)


def _weight(parameters: list[str]) -> float:
    """Return the parameter q; 1 if it is missing or not a number from 0 to 1."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q" and _WEIGHT.fullmatch(value.strip()):
            return float(value)
    return 1.0
