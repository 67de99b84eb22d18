"""The service's calls: what to send, and how to read the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypedDict, TypeVar

from facedetect.client.answers import Answer, read_image, read_json, to_detection, to_model
from facedetect.faces import Detection
from facedetect.model_ref import ModelRef

T = TypeVar("T")

Style = Literal["box", "blur", "pixelate", "solid"]
Format = Literal["png", "jpeg", "webp"]


class DetectOptions(TypedDict, total=False):
    """How to look for faces; the service's own defaults stand for what is left out.

    `min_size`, `factor` and `thresholds` are those of `DetectionParams`; `max_faces` keeps the
    largest ones only; `model_version` or `model_label` asks another version of the model.
    """

    min_size: float
    factor: float
    thresholds: tuple[float, float, float]
    max_faces: int | None
    model_version: int | None
    model_label: str | None


@dataclass(frozen=True)
class ServiceVersion:
    """What runs there; `model` is None while none is ready."""

    facedetect: str
    model: ModelRef | None


@dataclass(frozen=True)
class Request:
    """One request; `path` goes behind the service's URL."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, and how to read the answer if its status is 200."""

    request: Request
    read: Callable[[Answer], T]


def detect_call(image: bytes, options: DetectOptions) -> Call[Detection]:
    """Ask for the faces of an image file."""
    request = _post(image, "/detect", options, accept="application/json")
    return Call(request, lambda answer: read_json(answer, to_detection))


def annotate_call(
    image: bytes, style: Style, image_format: Format, options: DetectOptions
) -> Call[bytes]:
    """Ask for the image with its faces drawn or made unrecognisable."""
    query: dict[str, Any] = {"style": style, "format": image_format, **options}
    return Call(_post(image, "/annotate", query, accept=f"image/{image_format}"), read_image)


def ready_call() -> Call[ModelRef]:
    """Ask whether the model would answer now."""
    request = Request("GET", "/readyz")
    return Call(request, lambda answer: read_json(answer, lambda found: to_model(found["model"])))


def version_call() -> Call[ServiceVersion]:
    """Ask what is running."""
    return Call(Request("GET", "/version"), lambda answer: read_json(answer, _to_version))


def _post(image: bytes, path: str, options: Mapping[str, Any], *, accept: str) -> Request:
    query = {name: _to_text(value) for name, value in options.items() if value is not None}
    # The service looks at the bytes themselves to learn the format.
    headers = {"Content-Type": "application/octet-stream", "Accept": accept}
    return Request("POST", path, query, headers, image)


def _to_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _to_version(found: Any) -> ServiceVersion:
    model = found["model"]
    return ServiceVersion(str(found["facedetect"]), None if model is None else to_model(model))
