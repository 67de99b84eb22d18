"""Parse the service's responses into results or the package's errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2

from facedetect import errors
from facedetect.client.retries import parse_retry_after
from facedetect.faces import Detection, Face
from facedetect.model_ref import ModelRef

T = TypeVar("T")

_TYPE_PREFIX = "urn:facedetect:problem:"
_SHOWN_BYTES = 100

_ERRORS_BY_STATUS: dict[int, type[errors.FacedetectError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    408: errors.UploadTimeout,
    413: errors.ImageTooLarge,
    429: errors.Overloaded,
    503: errors.BackendUnavailable,
    504: errors.BackendTimeout,
}
"""For responses without one of our problems, such as a proxy's."""

# What parsing JSON of an unexpected shape may raise.
_PARSE_ERRORS = (
    ArithmeticError,
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
    errors.InvalidParams,  # ModelRef's
)


@dataclass(frozen=True)
class ServiceVersion:
    """The versions of the service and of its model; `model` is None while none is ready.

    `instruction_set` is the native engine's, None if the model runs elsewhere.
    """

    facedetect: str
    model: ModelRef | None
    instruction_set: str | None = None


def parse_json(response: httpx2.Response, to_value: Callable[[Any], T]) -> T:
    """Parse a JSON body; raises BackendProtocolError if `to_value` does not accept it."""
    try:
        return to_value(json.loads(response.content))
    except _PARSE_ERRORS as error:
        raise errors.BackendProtocolError(_describe_foreign(response)) from error


def parse_image(response: httpx2.Response) -> bytes:
    """Return the body; raises BackendProtocolError if its content type is not an image's."""
    if not response.headers.get("content-type", "").startswith("image/"):
        raise errors.BackendProtocolError(_describe_foreign(response))
    return response.content


def to_detection(body: Any) -> Detection:
    """Convert the body of `POST /detect`."""
    size = body["image"]
    faces = [Face.from_dict(face) for face in body["faces"]]
    return Detection(int(size["width"]), int(size["height"]), faces, _to_model(body["model"]))


def to_ready_model(body: Any) -> ModelRef:
    """Convert the body of `GET /readyz`."""
    return _to_model(body["model"])


def to_service_version(body: Any) -> ServiceVersion:
    """Convert the body of `GET /version`."""
    model, instruction_set = body["model"], body.get("instruction_set")
    return ServiceVersion(
        str(body["facedetect"]),
        None if model is None else _to_model(model),
        None if instruction_set is None else str(instruction_set),
    )


def _to_model(body: Any) -> ModelRef:
    return ModelRef(str(body["name"]), body.get("version"))


def parse_error(response: httpx2.Response) -> errors.FacedetectError:
    """Return the error that a response other than 200 reports, with its URL."""
    problem = _parse_problem(response)
    known = _ERRORS_BY_STATUS.get(response.status_code)
    if problem is None:
        error = (known or errors.BackendProtocolError)(_describe_foreign(response))
    else:
        slug = str(problem["type"]).removeprefix(_TYPE_PREFIX)
        kind = error_named(slug) or known or errors.ServiceError
        error = kind(str(problem["detail"]))
        error.add_note(f"{url_of(response)} answered {response.status_code}")
    retry_after_s = parse_retry_after(response.headers.get("retry-after", ""))
    if isinstance(error, errors.Overloaded) and retry_after_s is not None:
        error.retry_after_s = retry_after_s
    return error


def error_named(slug: str) -> type[errors.FacedetectError] | None:
    """Return the error of a problem's slug, its name in kebab case; None for newer services'."""
    error = getattr(errors, slug.title().replace("-", ""), None)
    is_class = isinstance(error, type) and issubclass(error, errors.FacedetectError)
    return error if is_class else None


def _parse_problem(response: httpx2.Response) -> dict[str, Any] | None:
    """Return the problem (RFC 9457) if the service sent one, else None."""
    try:
        problem = json.loads(response.content)
        is_ours = str(problem["type"]).startswith(_TYPE_PREFIX) and "detail" in problem
    except _PARSE_ERRORS:
        return None
    return problem if is_ours else None


def _describe_foreign(response: httpx2.Response) -> str:
    target = response.headers.get("location")
    shown = response.content[:_SHOWN_BYTES].decode("utf-8", "replace")
    contents = f"a redirect to {target}" if target else repr(shown)
    return (
        f"{url_of(response)} answered {response.status_code} {response.reason_phrase}, but not "
        f"with a facedetect response: {contents}; check the URL and any proxy in between"
    )


def url_of(message: httpx2.Request | httpx2.Response) -> str:
    """Return the URL without its query, for error messages."""
    return str(message.url.copy_with(query=None))
