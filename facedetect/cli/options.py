"""Options that several commands share."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from facedetect.errors import InvalidSettings

_PAIR = re.compile(r"([^=:/?]+)=(.+)")

Backend = Annotated[
    str | None,
    typer.Option(
        help="Where the model runs: embedded: (facedetect's own engine), savedmodel:PATH (a "
        "SavedModel folder, with TensorFlow), or TensorFlow Serving at grpc://HOST:8500/MODEL.",
        show_default="FACEDETECT_BACKEND, or embedded:",
    ),
]


def parse_pair(option: str, text: str, example: str) -> tuple[str, str]:
    """Parse the value of an option that gives something a name; raises InvalidSettings."""
    match = _PAIR.fullmatch(text)
    if match is None:
        raise InvalidSettings(f"--{option} {text!r} is not NAME=VALUE, such as {example}")
    return match[1], match[2]
