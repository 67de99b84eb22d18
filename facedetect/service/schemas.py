"""What goes over the wire, as OpenAPI documents it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from facedetect.backends import ModelChoice, ModelVersion
from facedetect.faces import FACTOR_BOUNDS, MIN_SIZE_BOUND, DetectionParams, Face, parse_thresholds

_DEFAULTS = DetectionParams()


class DetectQuery(BaseModel):
    """The query of `POST /detect`. Bounds are documented here and enforced by DetectionParams."""

    model_config = ConfigDict(extra="forbid")

    min_size: float = Field(
        _DEFAULTS.min_size,
        description="Smallest face side to look for, px of the upright image.",
        json_schema_extra={"minimum": MIN_SIZE_BOUND},
    )
    factor: float = Field(
        _DEFAULTS.factor,
        description="Step of the image pyramid; larger finds more and takes longer.",
        json_schema_extra={"minimum": FACTOR_BOUNDS[0], "maximum": FACTOR_BOUNDS[1]},
    )
    thresholds: str = Field(
        ",".join(map(str, _DEFAULTS.thresholds)),
        description="Least scores after the three nets, each between 0 and 1.",
        examples=["0.6,0.7,0.7"],
    )
    max_faces: int | None = Field(None, ge=1, description="Answer only the largest faces.")
    annotate: bool = Field(False, description="Add `annotated_png`: the image, faces drawn.")
    model_version: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        description="Ask this version of the model instead of the backend's own.",
    )
    model_label: str | None = Field(
        None,
        pattern=r"^\w[\w.-]*$",
        max_length=100,
        description="Ask the version with this label, such as `canary`.",
    )

    def params(self) -> DetectionParams:
        """Raises InvalidParams."""
        return DetectionParams(self.min_size, self.factor, parse_thresholds(self.thresholds))

    def choice(self) -> ModelChoice | None:
        """Raises InvalidParams."""
        if self.model_version is None and self.model_label is None:
            return None
        return ModelChoice(self.model_version, self.model_label)


class ImageSize(BaseModel):
    """Of the upright image, px: EXIF orientation is applied."""

    width: int
    height: int


class Timings(BaseModel):
    """Milliseconds."""

    decode: float
    queue: float = Field(description="Waiting for a free thread.")
    predict: float
    total: float = Field(description="From the arrival of the whole image to the answer.")


class DetectResponse(BaseModel):
    """The faces of one image, most certain first; none is an empty list."""

    image: ImageSize
    faces: list[Face]
    parameters: DetectionParams
    model: ModelVersion
    timings_ms: Timings
    annotated_png: Annotated[str | None, Field(description="Base64, if `annotate` was true.")] = (
        None
    )


class Health(BaseModel):
    status: str = "ok"


class Ready(BaseModel):
    status: str = "ready"
    model: ModelVersion


class Version(BaseModel):
    facedetect: str
    model: ModelVersion | None = Field(description="Null while no model is ready.")
