"""What goes over the wire, as OpenAPI documents it."""

from __future__ import annotations

import base64
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from facedetect.faces import (
    FACTOR_BOUNDS,
    MIN_SIZE_BOUND,
    DetectionParams,
    Face,
    parse_thresholds,
)
from facedetect.model_ref import MAX_VERSION, ModelRef
from facedetect.render import Style
from facedetect.service.detection_worker import DetectionResult
from facedetect.service.problems import Problem

_DEFAULTS = DetectionParams()


class FaceQuery(BaseModel):
    """What every call takes. Bounds are documented here and enforced by DetectionParams."""

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
    model_version: int | None = Field(
        None,
        ge=0,
        le=MAX_VERSION,
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

    def model(self) -> ModelRef:
        """Raises InvalidParams."""
        return ModelRef(version=self.model_version, label=self.model_label)


class DetectQuery(FaceQuery):
    """The query of `POST /detect`."""

    annotate: bool = Field(False, description="Add `annotated_png`: the image, faces drawn.")


class AnnotateQuery(FaceQuery):
    """The query of `POST /annotate`."""

    style: Style = Field("box", description="Draw each face's box, or hide the face.")
    format: Literal["png", "jpeg", "webp"] = Field("png", description="Of the image answered.")


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


class ServedModel(BaseModel):
    """The model that answered."""

    name: str
    version: int | None = Field(description="Null if the model server does not tell.")

    @classmethod
    def of(cls, model: ModelRef) -> Self:
        return cls(name=model.name, version=model.version)


class DetectResponse(BaseModel):
    """The faces of one image, most certain first; none is an empty list."""

    image: ImageSize
    faces: list[Face]
    parameters: DetectionParams
    model: ServedModel
    timings_ms: Timings
    annotated_png: Annotated[str | None, Field(description="Base64, if `annotate` was true.")] = (
        None
    )

    @classmethod
    def of(cls, outcome: DetectionResult, params: DetectionParams) -> Self:
        found, png = outcome.found, outcome.picture
        return cls(
            image=ImageSize(width=found.width, height=found.height),
            faces=found.faces,
            parameters=params,
            model=ServedModel.of(found.model),
            timings_ms=Timings(
                decode=outcome.decode_ms,
                queue=outcome.queue_ms,
                predict=outcome.predict_ms,
                total=outcome.total_ms,
            ),
            annotated_png=None if png is None else base64.b64encode(png).decode("ascii"),
        )


class BatchResult(BaseModel):
    """Of one image: its detection, or why there is none."""

    filename: str | None = Field(description="As it was sent.")
    detection: DetectResponse | None = None
    problem: Problem | None = None


class BatchTimings(BaseModel):
    """Milliseconds."""

    total: float = Field(description="From the arrival of the last image to the answer.")


class BatchResponse(BaseModel):
    """One result for each image, in their order."""

    results: list[BatchResult]
    timings_ms: BatchTimings


class DeepStackFace(BaseModel):
    """One face in whole pixels."""

    confidence: float
    y_min: int
    x_min: int
    y_max: int
    x_max: int


class DeepStackResponse(BaseModel):
    """What DeepStack answers; no face is a success with an empty list."""

    success: bool = True
    predictions: list[DeepStackFace]
    duration: int = Field(description="Milliseconds.")

    @classmethod
    def of(cls, outcome: DetectionResult, min_confidence: float) -> Self:
        certain = [face for face in outcome.found.faces if face.confidence >= min_confidence]
        predictions = [
            DeepStackFace(
                confidence=face.confidence,
                y_min=round(face.box.y_min),
                x_min=round(face.box.x_min),
                y_max=round(face.box.y_max),
                x_max=round(face.box.x_max),
            )
            for face in certain
        ]
        return cls(predictions=predictions, duration=round(outcome.total_ms))


class DeepStackFailure(BaseModel):
    """What DeepStack answers when it cannot."""

    success: bool = False
    error: str
    duration: int = 0


class HealthResponse(BaseModel):
    status: str = "ok"


class ReadyResponse(BaseModel):
    status: str = "ready"
    model: ServedModel


class VersionResponse(BaseModel):
    facedetect: str
    model: ServedModel | None = Field(description="Null while no model is ready.")
