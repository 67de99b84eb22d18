"""Options shared by several commands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from facedetect.errors import InvalidSettings
from facedetect.hiding import DEFAULT_MASK, Mask, MaskShape, read_mask_image

_PAIR = re.compile(r"([^=:/?]+)=(.+)")

DEFAULT_MARGIN = DEFAULT_MASK.margin


class DefaultOf:
    """An option's default factory: None, which help shows as the value that None stands for.

    `show_default` is for descriptions: Typer shows them in parentheses.
    """

    def __init__(self, value: object) -> None:
        self._value = value

    def __call__(self) -> None:
        return None

    def __str__(self) -> str:
        return str(self._value)


Backend = Annotated[
    str | None,
    typer.Option(
        help="Where the model runs: embedded: (facedetect's own engine), savedmodel:PATH (a "
        "SavedModel folder, with TensorFlow), or TensorFlow Serving at grpc://HOST:8500/MODEL.",
        show_default="FACEDETECT_BACKEND, or embedded:",
    ),
]

Shape = Annotated[MaskShape, typer.Option(help="Shape of the mask that hides a face.")]
Margin = Annotated[
    float,
    typer.Option(help="How far a mask extends beyond the face, as a fraction of its size, 0 to 2."),
]
MaskImage = Annotated[
    Path | None,
    typer.Option("--image", help="Image to put over each face with --style image.", dir_okay=False),
]
Stride = Annotated[
    int, typer.Option(min=1, help="Search every n-th frame of a video; track faces in between.")
]
Server = Annotated[
    str | None,
    typer.Option(
        help="Use a running service, such as http://localhost:8000; its API key is read from "
        "FACEDETECT_API_KEY.",
        show_default="FACEDETECT_SERVER, or none",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Also print what was done and how long it took.")
]


def parse_mask(shape: MaskShape, margin: float, image: Path | None) -> Mask:
    """Build the mask from the options; raises InvalidSettings and InvalidImage."""
    return Mask(shape, margin, b"" if image is None else read_mask_image(image))


def parse_pair(option: str, text: str, example: str) -> tuple[str, str]:
    """Parse an option's NAME=VALUE; raises InvalidSettings."""
    match = _PAIR.fullmatch(text)
    if match is None:
        raise InvalidSettings(f"--{option} {text!r} is not NAME=VALUE, such as {example}")
    return match[1], match[2]
