"""The queries of the endpoints, as the OpenAPI document shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, Literal, Self

from fastapi.exceptions import RequestValidationError
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from facedetect.detection_params import (
    FACTOR_BOUNDS,
    LOOKS,
    MIN_SIZE_BOUND,
    DetectionParams,
    parse_number,
    parse_rotations,
    parse_thresholds,
)
from facedetect.errors import InvalidParams
from facedetect.model_ref import MAX_VERSION, ModelRef
from facedetect.presets import Preset, detection_params
from facedetect.service.detection_worker import DetectionJob, RenderOptions
from facedetect.styles import AnnotationStyle

_DEFAULTS = DetectionParams()

# Lower ones find hardly any more faces and take up to 25 times as long as the defaults; this one
# takes 6 times (docs/http.md).
MIN_THRESHOLD = 0.1

_PARAMETERS = {field.name for field in fields(DetectionParams)}


def _check_digits(given: Any) -> Any:
    """Refuse numbers that Pydantic takes and other programs do not, such as 2_0."""
    if isinstance(given, str):
        try:
            parse_number(given)
        except ValueError as error:
            raise PydanticCustomError("digits", "write it in plain digits: 20 or 0.7") from error
    return given


# The last one in a type, or the bounds before it would not be in the OpenAPI document.
_PlainDigits = BeforeValidator(_check_digits)


class FaceQuery(BaseModel):
    """The query of every endpoint. DetectionParams enforces the bounds documented here."""

    model_config = ConfigDict(extra="forbid")

    preset: Preset = Field(
        "balanced",
        description="Parameters by their purpose; parameters that are given win over the preset's. "
        "`few-misses` is made for hiding faces.",
    )
    min_size: Annotated[float, _PlainDigits] = Field(
        _DEFAULTS.min_size,
        description="Smallest face to find: its side in pixels of the upright image.",
        json_schema_extra={"minimum": MIN_SIZE_BOUND},
    )
    factor: Annotated[float, _PlainDigits] = Field(
        _DEFAULTS.factor,
        description="Scale step of the image pyramid; a larger one finds more and takes longer.",
        json_schema_extra={"minimum": FACTOR_BOUNDS[0], "maximum": FACTOR_BOUNDS[1]},
    )
    thresholds: str = Field(
        ",".join(map(str, _DEFAULTS.thresholds)),
        description=f"Minimum scores after each of the three networks, at least {MIN_THRESHOLD} "
        "and less than 1.",
        examples=["0.6,0.7,0.7"],
    )
    min_confidence: Annotated[float, _PlainDigits] = Field(
        _DEFAULTS.min_confidence,
        description="Leave out faces with a lower confidence.",
        json_schema_extra={"minimum": 0, "maximum": 1},
    )
    rotations: str = Field(
        "0",
        description="Degrees by which the image is turned clockwise for each search, some of "
        "0,90,180,270; or `auto`: turned only if no face is found upright for sure.",
        examples=["0,90,180,270", "auto"],
    )
    looks: Annotated[int, _PlainDigits] = Field(
        _DEFAULTS.looks,
        description="How many copies of the image, mirrored or resized, are searched; the "
        "confidence is the mean over them.",
        json_schema_extra={"minimum": 1, "maximum": len(LOOKS)},
    )
    max_faces: Annotated[int, Field(ge=1), _PlainDigits] | None = Field(
        None, description="Return only the N largest faces."
    )
    model_version: Annotated[int, Field(ge=0, le=MAX_VERSION), _PlainDigits] | None = Field(
        None, description="Use this version of the model instead of the backend's default."
    )
    model_label: str | None = Field(
        None,
        pattern=r"^\w[\w.-]*$",
        max_length=100,
        description="Use the version with this label, such as `canary`.",
    )

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        """Raises InvalidParams, which is no ValueError: FastAPI does not wrap it."""
        self.detection_params()
        self.model_ref()
        return self

    def with_body(self, params: dict[str, Any]) -> Self:
        """Return the query with the parameters of a JSON body, where lists are lists.

        Raises RequestValidationError and InvalidParams, also for what both have.
        """
        if twice := sorted(self.model_fields_set & params.keys()):
            raise InvalidParams(f"{twice[0]} is in the query and in the body; send one of them")
        given = {name: _as_in_query(value) for name, value in params.items() if value is not None}
        try:
            return self.model_validate({**self.model_dump(exclude_unset=True), **given})
        except ValidationError as error:
            problems = [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]
            raise RequestValidationError(problems) from error

    def detection_params(self) -> DetectionParams:
        """Raises InvalidParams, also for thresholds that would cost others too much time."""
        given = self.model_dump(include=self.model_fields_set & _PARAMETERS)
        for name, parse in _PARSERS.items():
            if name in given:
                given[name] = parse(given[name])
        return detection_params(self.preset, **given)

    def model_ref(self) -> ModelRef:
        return ModelRef(version=self.model_version, label=self.model_label)

    def to_job(self, data: bytes, render_options: RenderOptions | None = None) -> DetectionJob:
        """Return the job for an image."""
        return DetectionJob(
            data, self.detection_params(), self.max_faces, self.model_ref(), render_options
        )


def _as_in_query(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _thresholds(text: str) -> tuple[float, float, float]:
    thresholds = parse_thresholds(text)
    if min(thresholds) < MIN_THRESHOLD:
        raise InvalidParams(
            f"each threshold must be at least {MIN_THRESHOLD}; the lowest is {min(thresholds):.9g}"
        )
    return thresholds


_PARSERS: dict[str, Callable[[str], Any]] = {
    "thresholds": _thresholds,
    "rotations": parse_rotations,
}


class DetectQuery(FaceQuery):
    """The query of `POST /detect`."""

    annotate: bool = Field(False, description="Add `annotated_png`, with the faces drawn.")


class AnnotateQuery(FaceQuery):
    """The query of `POST /annotate`."""

    style: AnnotationStyle = Field("box", description="Draw a box around each face, or hide them.")
    format: Literal["png", "jpeg", "webp"] = Field("png", description="File format of the image.")
