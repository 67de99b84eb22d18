"""The schemas of DeepStack's and CodeProject.AI's APIs, for the OpenAPI document."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

import facedetect
from facedetect.service.detection_worker import DetectionResult

CUSTOM_MODEL = "face"


class CameraFace(BaseModel):
    """A face, in integer pixels."""

    confidence: float
    y_min: int
    x_min: int
    y_max: int
    x_max: int
    label: Annotated[str, Field(description="The kind of object: always `face`.")] = "face"
    userid: Annotated[str, Field(description="The recognised person: always `unknown`.")] = (
        "unknown"
    )


class CameraResponse(BaseModel):
    """DeepStack's response; without faces, it succeeds with an empty list."""

    success: bool = True
    predictions: list[CameraFace]
    duration: int = Field(description="Milliseconds.")

    @classmethod
    def from_result(cls, result: DetectionResult, min_confidence: float) -> Self:
        faces = [face for face in result.detection.faces if face.confidence >= min_confidence]
        predictions = [
            CameraFace(
                confidence=round(face.confidence, 5),
                y_min=round(face.box.y_min),
                x_min=round(face.box.x_min),
                y_max=round(face.box.y_max),
                x_max=round(face.box.x_max),
            )
            for face in faces
        ]
        return cls(predictions=predictions, duration=round(result.timings_ms.total))


class FaceListResponse(BaseModel):
    """The registered people: always none."""

    success: bool = True
    faces: list[str] = []


class CustomModelsResponse(BaseModel):
    """The models below `/v1/vision/custom`."""

    success: bool = True
    models: list[str] = [CUSTOM_MODEL]


class PingResponse(BaseModel):
    success: bool = True


class CodeProjectVersion(BaseModel):
    """A version in CodeProject.AI's format; clients reject it if a field is missing."""

    model_config = ConfigDict(alias_generator=to_camel)

    major: int
    minor: int
    patch: int
    pre_release: str = ""
    security_update: bool = False
    build: int = 0
    file: str = ""
    release_notes: str = ""

    @classmethod
    def of_service(cls) -> Self:
        major, minor, patch = map(int, re.findall(r"\d+", facedetect.__version__)[:3])
        return cls(major=major, minor=minor, patch=patch)


class StatusVersionResponse(BaseModel):
    """The version of the service."""

    success: bool = True
    message: str = Field(default_factory=lambda: facedetect.__version__)
    version: CodeProjectVersion = Field(default_factory=CodeProjectVersion.of_service)


class UpdateResponse(StatusVersionResponse):
    """Whether a newer version is available: never."""

    model_config = ConfigDict(alias_generator=to_camel)

    current: CodeProjectVersion = Field(default_factory=CodeProjectVersion.of_service)
    latest: CodeProjectVersion = Field(default_factory=CodeProjectVersion.of_service)
    update_available: bool = False
