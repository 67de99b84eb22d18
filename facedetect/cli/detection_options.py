"""The options of every command that detects faces: one per field of DetectionParams."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from facedetect import presets
from facedetect.cli.options import DefaultOf
from facedetect.detection_params import DetectionParams, parse_rotations, parse_thresholds

_DEFAULTS = DetectionParams()


def takes_detection_params(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's argument `params` by these options, from which it is built."""
    options = inspect.signature(_parse, eval_str=True).parameters

    @wraps(command)
    def run(**values: Any) -> None:
        given = {name: values.pop(name) for name in options}
        command(**values, params=_parse(**given))

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        parameters += options.values() if parameter.name == "params" else [parameter]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _parse(
    *,
    preset: Annotated[
        presets.Preset,
        typer.Option(
            help="Parameters for a purpose; explicit options override them. Use few-misses to hide "
            "faces."
        ),
    ] = "balanced",
    min_size: Annotated[
        float | None,
        typer.Option(
            help="Smallest face to find, px; larger is faster.",
            default_factory=DefaultOf(f"{_DEFAULTS.min_size:g}"),
        ),
    ],
    factor: Annotated[
        float | None,
        typer.Option(
            help="Pyramid scale factor, 0.1 to 0.95; larger finds more but is slower.",
            default_factory=DefaultOf(f"{_DEFAULTS.factor:g}"),
        ),
    ],
    thresholds: Annotated[
        str | None,
        typer.Option(
            help="Score thresholds of the three nets; higher means fewer false positives.",
            default_factory=DefaultOf(",".join(map(str, _DEFAULTS.thresholds))),
        ),
    ],
    min_confidence: Annotated[
        float | None,
        typer.Option(
            help="Drop faces with a lower score, 0 to 1.",
            default_factory=DefaultOf(f"{_DEFAULTS.min_confidence:g}"),
        ),
    ],
    rotations: Annotated[
        str | None,
        typer.Option(
            help="Rotations to search, degrees: any of 0,90,180,270; or auto to rotate only if no "
            "upright face is found with certainty.",
            default_factory=DefaultOf("0"),
        ),
    ],
    looks: Annotated[
        int | None,
        typer.Option(
            help="Search this many mirrored or resized copies of the image, 1 to 6, and average "
            "their scores.",
            default_factory=DefaultOf(f"{_DEFAULTS.looks}"),
        ),
    ],
) -> DetectionParams:
    """Build the parameters from the options; raises InvalidParams."""
    return presets.detection_params(
        preset,
        min_size=min_size,
        factor=factor,
        thresholds=None if thresholds is None else parse_thresholds(thresholds),
        min_confidence=min_confidence,
        rotations=None if rotations is None else parse_rotations(rotations),
        looks=looks,
    )
