"""The types of settings: how their text is parsed and checked."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from facedetect.backends import BackendSpec


def _split(text: Any) -> Any:
    """Split comma-separated text."""
    if not isinstance(text, str):
        return text
    return tuple(word.strip().lower() for word in text.split(",") if word.strip())


def _parse_backend(url: Any) -> Any:
    return BackendSpec.parse(url) if isinstance(url, str) else url


def _check_origin(origin: str) -> str:
    if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
        raise ValueError(
            f"{origin!r} is not an origin; write https://HOST or http://HOST:PORT, without a path"
        )
    return origin


def _check_network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not an address or a network; write it as 192.0.2.1 or 10.0.0.0/8"
        ) from error


BackendUrl = Annotated[BackendSpec, NoDecode, BeforeValidator(_parse_backend)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_check_network)], ...], NoDecode, BeforeValidator(_split)
]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_check_origin)], ...], NoDecode, BeforeValidator(_split)
]
