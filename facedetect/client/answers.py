"""What the service's answers mean: faces, or one of the package's errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from facedetect import errors
from facedetect.client.retries import to_seconds
from facedetect.faces import Box, Detection, Face, Landmarks, Point
from facedetect.model_ref import ModelRef

T = TypeVar("T")

_TYPE_PREFIX = "urn:facedetect:problem:"
_SHOWN_BYTES = 100

ERRORS_BY_SLUG: dict[str, type[errors.FacedetectError]] = {
    "invalid-image": errors.InvalidImage,
    "unsupported-image": errors.UnsupportedImage,
    "image-too-large": errors.ImageTooLarge,
    "invalid-params": errors.InvalidParams,
    "unauthorized": errors.Unauthorized,
    "forbidden": errors.Forbidden,
    "upload-timeout": errors.UploadTimeout,
    "overloaded": errors.Overloaded,
    "rate-limited": errors.RateLimited,
    "backend-unavailable": errors.BackendUnavailable,
    "stopping": errors.Stopping,
    "model-not-found": errors.ModelNotFound,
    "backend-timeout": errors.BackendTimeout,
    "backend-protocol-error": errors.BackendProtocolError,
    "internal": errors.ServiceError,
}
"""What a problem's type ends in -> the error it was made from."""

_ERRORS_BY_STATUS: dict[int, type[errors.FacedetectError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    408: errors.UploadTimeout,
    413: errors.ImageTooLarge,
    429: errors.Overloaded,
    503: errors.BackendUnavailable,
    504: errors.BackendTimeout,
}
"""For the answers of proxies, which know nothing of our problems."""


@dataclass(frozen=True)
class Answer:
    """A whole answer; the names of `headers` are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> float | None:
        """When to come again, in seconds from now; None if it does not say."""
        return to_seconds(self.headers.get("retry-after", ""))


# What comes of reading JSON that is not as the service has it.
_WRONG_ANSWER = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError)


def read_json(answer: Answer, to_value: Callable[[Any], T]) -> T:
    """Read a JSON body; raises BackendProtocolError if it is not what `to_value` takes."""
    try:
        return to_value(json.loads(answer.body))
    except _WRONG_ANSWER as error:
        raise errors.BackendProtocolError(_not_ours(answer)) from error


def read_image(answer: Answer) -> bytes:
    """Return the body; raises BackendProtocolError if it is not said to be an image."""
    if not answer.headers.get("content-type", "").startswith("image/"):
        raise errors.BackendProtocolError(_not_ours(answer))
    return answer.body


def to_detection(found: Any) -> Detection:
    """Read the answer of `POST /detect`."""
    size = found["image"]
    faces = [_to_face(face) for face in found["faces"]]
    return Detection(int(size["width"]), int(size["height"]), faces, to_model(found["model"]))


def to_model(found: Any) -> ModelRef:
    return ModelRef(str(found["name"]), found.get("version"))


def _to_face(found: Any) -> Face:
    box = {side: float(value) for side, value in found["box"].items()}
    points = {name: _to_point(point) for name, point in found["landmarks"].items()}
    return Face(Box(**box), float(found["confidence"]), Landmarks(**points))


def _to_point(found: Any) -> Point:
    return Point(float(found["x"]), float(found["y"]))


def to_error(answer: Answer) -> errors.FacedetectError:
    """Turn an answer that is not 200 into the error that it tells of, its URL in a note."""
    problem = _problem_of(answer)
    if problem is None:
        kind = _ERRORS_BY_STATUS.get(answer.status, errors.BackendProtocolError)
        return _made(kind, _not_ours(answer), answer)
    slug = str(problem["type"]).removeprefix(_TYPE_PREFIX)
    # A newer service may have problems that are not known here.
    known = ERRORS_BY_SLUG.get(slug) or _ERRORS_BY_STATUS.get(answer.status)
    error = _made(known or errors.ServiceError, str(problem["detail"]), answer)
    error.add_note(f"{answer.url} answered {answer.status}")
    return error


def _problem_of(answer: Answer) -> dict[str, Any] | None:
    """The problem, RFC 9457, if the answer is one of the service's."""
    try:
        problem = json.loads(answer.body)
        is_ours = str(problem["type"]).startswith(_TYPE_PREFIX) and "detail" in problem
    except _WRONG_ANSWER:
        return None
    return problem if is_ours else None


def _made(kind: type[errors.FacedetectError], text: str, answer: Answer) -> errors.FacedetectError:
    if issubclass(kind, errors.Overloaded) and answer.retry_after_s is not None:
        return kind(text, answer.retry_after_s)
    return kind(text)


def _not_ours(answer: Answer) -> str:
    phrase = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else ""
    text = answer.body[:_SHOWN_BYTES].decode("utf-8", "replace")
    place = answer.headers.get("location")
    said = f"a redirection to {place}" if place else f"{text!r}"
    return (
        f"{answer.url} answered {answer.status} {phrase}, but not as facedetect's service does: "
        f"{said}; check the URL, and what stands between"
    )
