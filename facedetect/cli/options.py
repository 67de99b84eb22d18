"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from facedetect.faces import DetectionParams

_DEFAULTS = DetectionParams()

DEFAULT_MIN_SIZE = _DEFAULTS.min_size
DEFAULT_FACTOR = _DEFAULTS.factor
DEFAULT_THRESHOLDS = ",".join(map(str, _DEFAULTS.thresholds))

MinSize = Annotated[
    float, typer.Option(help="Smallest face to find, side in px; larger is faster.")
]
Factor = Annotated[
    float,
    typer.Option(help="Scale step of the pyramid, 0.1 to 0.95; larger finds more but is slower."),
]
Thresholds = Annotated[
    str,
    typer.Option(help="Minimum scores of the three nets; higher means fewer false positives."),
]
Backend = Annotated[
    str | None,
    typer.Option(
        help="Where the model runs: embedded: (built in), embedded:PATH (a SavedModel folder), or "
        "TensorFlow Serving at grpc://HOST:8500/MODEL.",
        show_default="FACEDETECT_BACKEND, or embedded:",
    ),
]

__all__ = [
    "DEFAULT_FACTOR",
    "DEFAULT_MIN_SIZE",
    "DEFAULT_THRESHOLDS",
    "Backend",
    "Factor",
    "MinSize",
    "Thresholds",
]
