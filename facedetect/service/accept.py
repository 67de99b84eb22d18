"""Which representation a client prefers, by its Accept header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re

_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def prefers_png(accept: str) -> bool:
    """Whether an Accept header weighs image/png more than JSON, or as much and names it first."""
    png = _preference(accept, "image", "png")
    return png[0] > 0 and png > _preference(accept, "application", "json")


def _preference(accept: str, kind: str, subtype: str) -> tuple[float, int]:
    """The weight of a media type by the most specific range that it is in, and minus its place."""
    ranges = ["*/*", f"{kind}/*", f"{kind}/{subtype}"]
    found = (-1, 0.0, 0)
    for place, item in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        if name in ranges:
            found = max(found, (ranges.index(name), _weight(parameters), -place))
    return found[1:]


def _weight(parameters: list[str]) -> float:
    """The parameter q, 1 if there is none or it is no number from 0 to 1."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q" and _WEIGHT.fullmatch(value.strip()):
            return float(value)
    return 1.0
