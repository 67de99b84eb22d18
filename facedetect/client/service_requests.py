"""The requests to the service's endpoints, each with the parser of its response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Literal, TypedDict, TypeVar

import httpx2

from facedetect.client.response_parsing import parse_image, parse_json, to_detection, to_model
from facedetect.faces import Detection
from facedetect.model_ref import ModelRef

T = TypeVar("T")

# Also in facedetect.render, whose imports a client does without.
AnnotationStyle = Literal["box", "blur", "pixelate", "solid"]
AnnotationFormat = Literal["png", "jpeg", "webp"]


class DetectOptions(TypedDict, total=False):
    """How to detect faces; the service has defaults for what is left out.

    `min_size`, `factor` and `thresholds` are those of `DetectionParams`. `max_faces` keeps only the
    largest faces. `model_version` or `model_label` selects another version of the model.
    """

    min_size: float
    factor: float
    thresholds: tuple[float, float, float]
    max_faces: int | None
    model_version: int | None
    model_label: str | None


@dataclass(frozen=True)
class ServiceVersion:
    """The versions of the service and of its model; `model` is None while none is ready."""

    facedetect: str
    model: ModelRef | None


@dataclass(frozen=True)
class ServiceRequest(Generic[T]):
    """One request to the service.

    `path` is relative to the base URL; `parse` gets the response if its status is 200.
    """

    method: str
    path: str
    parse: Callable[[httpx2.Response], T]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def detect_request(image: bytes, options: DetectOptions) -> ServiceRequest[Detection]:
    """Ask for the faces in an image file."""
    parse = partial(parse_json, to_value=to_detection)
    return _post_image("/detect", parse, image, options, accept="application/json")


def annotate_request(
    image: bytes, style: AnnotationStyle, image_format: AnnotationFormat, options: DetectOptions
) -> ServiceRequest[bytes]:
    """Ask for the image with its faces marked or hidden."""
    query: dict[str, Any] = {"style": style, "format": image_format, **options}
    return _post_image("/annotate", parse_image, image, query, accept=f"image/{image_format}")


def ready_request() -> ServiceRequest[ModelRef]:
    """Ask which model is ready."""
    parse = partial(parse_json, to_value=lambda body: to_model(body["model"]))
    return ServiceRequest("GET", "/readyz", parse)


def version_request() -> ServiceRequest[ServiceVersion]:
    """Ask which versions are running."""
    return ServiceRequest("GET", "/version", partial(parse_json, to_value=_to_service_version))


def _post_image(
    path: str,
    parse: Callable[[httpx2.Response], T],
    image: bytes,
    options: Mapping[str, Any],
    *,
    accept: str,
) -> ServiceRequest[T]:
    query = {name: _to_text(value) for name, value in options.items() if value is not None}
    # The service detects the image's format itself.
    headers = {"Content-Type": "application/octet-stream", "Accept": accept}
    return ServiceRequest("POST", path, parse, query, headers, image)


def _to_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _to_service_version(body: Any) -> ServiceVersion:
    model = body["model"]
    return ServiceVersion(str(body["facedetect"]), None if model is None else to_model(model))
