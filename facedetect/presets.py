"""Presets: parameters for a purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from difflib import get_close_matches
from typing import Any, Literal, Self, TypedDict

from facedetect.argument_checks import shortened
from facedetect.detection_params import DetectionParams, Rotations
from facedetect.errors import InvalidParams

Preset = Literal["few-misses", "balanced", "few-false-alarms"]


class DetectionOptions(TypedDict, total=False):
    """A preset, and the fields of DetectionParams that override it, as keywords."""

    preset: Preset
    min_size: float
    factor: float
    thresholds: tuple[float, float, float]
    min_confidence: float
    rotations: Rotations
    looks: int


class FittingParams(DetectionParams):
    """Parameters whose `min_size` grows if an image would take more work than allowed."""

    def fitted(self, width: int, height: int, max_pyramid_pixels: float) -> Self:
        if self.pyramid_pixels(width, height) <= max_pyramid_pixels:
            return self
        least = self.passing_min_size(width, height, max_pyramid_pixels)
        return replace(self, min_size=least)


_FITTING_PRESET: Preset = "few-misses"

PRESETS: Mapping[Preset, DetectionParams] = {
    _FITTING_PRESET: FittingParams(
        min_size=12, thresholds=(0.5, 0.5, 0.3), rotations="auto", looks=2
    ),
    "balanced": DetectionParams(),
    "few-false-alarms": DetectionParams(min_confidence=0.9, looks=2),
}
"""`few-misses` is for hiding faces; docs/finding-more.md has what each preset finds and costs."""


def detection_params(preset: Preset | None = None, **given: Any) -> DetectionParams:
    """Return a preset's parameters, overridden by those `given`; None means not given.

    Without a preset, they are those of `balanced`.

    Raises InvalidParams, also for an unknown name.
    """
    preset = "balanced" if preset is None else preset
    if not isinstance(preset, str) or preset not in PRESETS:
        raise InvalidParams(
            f"preset must be one of {', '.join(PRESETS)}; it is {shortened(preset)}"
        )
    for name in given:
        _check_name(name)
    base = PRESETS[preset]
    changes = {key: value for key, value in given.items() if value is not None}
    if "min_size" in changes:  # an explicit size is kept, or rejected
        base = DetectionParams(**vars(base))
    return replace(base, **changes)


def to_options(params: DetectionParams) -> dict[str, Any]:
    """Return the keywords that make a service use these parameters.

    A `min_size` that may grow is left to the service, which has its own limit on the work.
    """
    options = asdict(params)
    if isinstance(params, FittingParams):
        options |= {"preset": _FITTING_PRESET}
        del options["min_size"]
    return options


def _check_name(name: str) -> None:
    names = [field.name for field in fields(DetectionParams)]
    if name not in names:
        (likely,) = get_close_matches(name, names, 1) or [""]
        hint = f"; did you mean {likely}?" if likely else ""
        raise InvalidParams(
            f"{name} is not a parameter{hint}; there are preset, {', '.join(names)}"
        )
