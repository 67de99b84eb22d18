"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from facedetect.errors import InvalidSettings
from facedetect.hiding import DEFAULT_MASK, Mask, MaskShape, read_mask_image

_PAIR = re.compile(r"([^=:/?]+)=(.+)")

DEFAULT_MARGIN = DEFAULT_MASK.margin

Backend = Annotated[
    str | None,
    typer.Option(
        help="Where the model runs: embedded: (facedetect's own engine), savedmodel:PATH (a "
        "SavedModel folder, with TensorFlow), or TensorFlow Serving at grpc://HOST:8500/MODEL.",
        show_default="FACEDETECT_BACKEND, or embedded:",
    ),
]

Shape = Annotated[MaskShape, typer.Option(help="Shape of what hides a face.")]
Margin = Annotated[
    float,
    typer.Option(help="How far a mask reaches beyond the face, a share of its size, 0 to 2."),
]
MaskImage = Annotated[
    Path | None,
    typer.Option("--image", help="Image for --style image, shown on each face.", dir_okay=False),
]
Stride = Annotated[
    int, typer.Option(min=1, help="Search every n-th frame of a video and track faces between.")
]
Server = Annotated[
    str | None,
    typer.Option(
        help="Ask a running facedetect service, such as http://localhost:8000; its API key is in "
        "FACEDETECT_API_KEY.",
        show_default="FACEDETECT_SERVER, or none",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print what was done, and how long it took, too.")
]


def parse_mask(shape: MaskShape, margin: float, image: Path | None) -> Mask:
    """The mask that the options describe; raises InvalidSettings and InvalidImage."""
    return Mask(shape, margin, b"" if image is None else read_mask_image(image))


def parse_pair(option: str, text: str, example: str) -> tuple[str, str]:
    """Parse the value of an option that gives something a name; raises InvalidSettings."""
    match = _PAIR.fullmatch(text)
    if match is None:
        raise InvalidSettings(f"--{option} {text!r} is not NAME=VALUE, such as {example}")
    return match[1], match[2]
