"""Which representation a client prefers, by its Accept header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

JSON = "application/json"
PICTURES = ("image/png", "image/jpeg", "image/webp")

_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def preferred_type(accept: str, offers: Sequence[str]) -> str:
    """Return the offered media type with the highest weight in an Accept header.

    Ties go to the one named first, then to the first of `offers`, which is also the answer if none
    is acceptable.
    """
    return max(offers, key=lambda offer: _preference(accept, offer))


def _preference(accept: str, media_type: str) -> tuple[float, int]:
    """Return the weight of the most specific range that matches, and minus its position."""
    ranges = ["*/*", media_type.partition("/")[0] + "/*", media_type]
    found = (-1, 0.0, 0)
    for place, item in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        if name in ranges:
            found = max(found, (ranges.index(name), _weight(parameters), -place))
    _, weight, order = found
    return (weight, order) if weight else (0.0, 0)


def _weight(parameters: list[str]) -> float:
    """Return the parameter q; 1 if it is missing or not a number from 0 to 1."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q" and _WEIGHT.fullmatch(value.strip()):
            return float(value)
    return 1.0
