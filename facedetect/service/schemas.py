"""The schemas of responses, as the OpenAPI document shows them."""

from __future__ import annotations

import base64
import io
from typing import Annotated, Self

from pydantic import BaseModel, Field

from facedetect.detection_params import DetectionParams
from facedetect.faces import Box, Landmarks
from facedetect.model_ref import ModelRef
from facedetect.service.detection_worker import DetectionResult, Timings
from facedetect.service.problems import Problem

_PIECE = 3 * 2**16  # a multiple of what base64 encodes as a whole


class ImageSize(BaseModel):
    """Size of the upright image in pixels; the EXIF orientation is applied."""

    width: int
    height: int


class ServedModel(BaseModel):
    """The model that was used."""

    name: str
    version: int | None = Field(description="Null if the model server does not report it.")

    @classmethod
    def from_ref(cls, model: ModelRef) -> Self:
        return cls(name=model.name, version=model.version)


class DetectedFace(BaseModel):
    """One face: its box and landmarks, px, and how sure the model is, 0 to 1."""

    box: Box
    confidence: float
    landmarks: Landmarks
    roll_deg: float = Field(
        description="How far the face is turned clockwise, by its landmarks; 0 is upright."
    )


class DetectResponse(BaseModel):
    """The faces of one image, by descending confidence; an empty list if there are none."""

    image: ImageSize
    faces: list[DetectedFace]
    parameters: DetectionParams
    model: ServedModel
    timings_ms: Timings
    annotated_png: Annotated[str | None, Field(description="Base64; only with `annotate`.")] = None

    @classmethod
    def from_result(cls, result: DetectionResult) -> Self:
        """Return the response without the picture, which `to_json` adds."""
        detection = result.detection
        return cls(
            image=ImageSize(width=detection.width, height=detection.height),
            faces=[DetectedFace.model_validate(face.to_dict()) for face in detection.faces],
            parameters=result.params,
            model=ServedModel.from_ref(detection.model),
            timings_ms=result.timings_ms,
        )

    def to_json(self, annotated_png: bytes) -> bytes:
        """Return the response with the picture as JSON.

        A picture may have 100 MB: encoded in pieces, it keeps no other thread waiting.
        """
        response = self.model_dump_json(exclude_none=True).encode()
        picture = memoryview(annotated_png)
        out = io.BytesIO(response)
        out.seek(-1, io.SEEK_END)  # onto the closing brace
        out.write(b',"annotated_png":"')
        for start in range(0, len(picture), _PIECE):
            out.write(base64.b64encode(picture[start : start + _PIECE]))
        out.write(b'"}\n')
        return out.getvalue()


class BatchResult(BaseModel):
    """The result for one image: a detection or a problem."""

    filename: str | None = Field(description="As sent by the client.")
    detection: DetectResponse | None = None
    problem: Problem | None = None


class BatchTimings(BaseModel):
    """Durations in milliseconds."""

    total: float = Field(description="From the complete upload of the last image to the response.")


class BatchResponse(BaseModel):
    """A result for each image, in order."""

    results: list[BatchResult]
    timings_ms: BatchTimings


class HealthResponse(BaseModel):
    status: str = "ok"


class ReadyResponse(BaseModel):
    status: str = "ready"
    model: ServedModel


class VersionResponse(BaseModel):
    facedetect: str
    model: ServedModel | None = Field(description="Null while the model is not ready.")
    instruction_set: str | None = Field(
        description="What the engine runs on; null while it is not ready, and if the model runs "
        "elsewhere."
    )
