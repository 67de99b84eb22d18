"""All errors that facedetect raises on purpose.

    FacedetectError
    ├── ImageError                  this image cannot be processed; others can
    │   ├── InvalidImage            damaged or truncated, or not an image
    │   ├── UnsupportedImage        an unsupported format or pixel type
    │   │   └── UnsupportedEncoding a request body with Content-Encoding
    │   ├── ImageTooLarge           exceeds a limit on bytes, pixels, frames, time or memory
    │   ├── InvalidVideo            nothing can be decoded, or not a video
    │   └── UnsupportedVideo        the installed libraries cannot read or write it
    ├── InvalidParams               detection parameters out of range, or too much work
    ├── InvalidDataset              unreadable or contradictory labels or images
    ├── InvalidSettings             an invalid setting, option or backend URL
    ├── ServiceError                the service rejected the request
    │   ├── Unauthorized            no API key, or an unknown one
    │   ├── Forbidden               from an origin, or for a host, that is not allowed
    │   ├── UploadTimeout           the request body arrived too slowly
    │   ├── Stopping                the service shut down before it could answer
    │   └── Overloaded              too much work; says when to retry
    │       └── RateLimited         this caller has exceeded its rate limit
    ├── ModelError                  a model cannot be built, converted or read
    │   ├── InvalidModel            not a model, or something is missing from it
    │   └── OutputExists            the output already exists
    └── BackendError                the model did not answer
        ├── BackendUnavailable      not reachable, or not ready yet
        │   └── ModelNotFound       the backend does not have this model or version
        ├── BackendTimeout          no answer before the deadline
        └── BackendProtocolError    an answer of the wrong shape

Messages say what was given, what is allowed and what to do. Nothing here knows about HTTP or exit
codes: `service.problems` and `cli.exit_codes` map the classes to theirs.
"""

from __future__ import annotations

from typing import TypeVar


class FacedetectError(Exception):
    """The base class: catch it to catch every error of the package.

    The message is safe to show to clients. Notes (`add_note`) are for operators: addresses and
    messages of other systems.
    """


def format_with_notes(error: FacedetectError) -> str:
    """Return the message with its notes, for logs and terminals; never send it to clients."""
    return ": ".join([str(error), *getattr(error, "__notes__", [])])


E = TypeVar("E", bound=FacedetectError)


def copy_error(error: FacedetectError, kind: type[E]) -> E:
    """Return a new error of class `kind` with the same message and notes."""
    again = kind(str(error))
    for note in getattr(error, "__notes__", []):
        again.add_note(note)
    return again


class ImageError(FacedetectError):
    """An image cannot be processed."""


class InvalidImage(ImageError):
    """The file is damaged or truncated, or the input is not an image."""


class UnsupportedImage(ImageError):
    """The format or pixel type is not supported."""


class UnsupportedEncoding(UnsupportedImage):
    """The body of a request is compressed (Content-Encoding)."""


class ImageTooLarge(ImageError):
    """The image exceeds a limit on bytes, pixels or frames, or on its decoder's time or memory."""


class InvalidVideo(ImageError):
    """Nothing of the video can be decoded, or the file contains no video."""


class UnsupportedVideo(ImageError):
    """The installed libraries cannot read or write the video."""


class InvalidParams(FacedetectError):
    """Detection parameters are out of range, or require more work than allowed."""


class InvalidDataset(FacedetectError):
    """A labelled image cannot be read, or its labels are invalid."""


class InvalidSettings(FacedetectError):
    """A setting, an option or a backend URL is invalid."""


class ServiceError(FacedetectError):
    """The service rejected the request."""


class Unauthorized(ServiceError):
    """The request has no API key, or an unknown one."""


class Forbidden(ServiceError):
    """The request comes from an origin, or is addressed to a host, that is not allowed.

    `origin` is the page's origin, if it may read the reason.
    """

    def __init__(self, message: str, origin: str | None = None) -> None:
        super().__init__(message)
        self.origin = origin


class UploadTimeout(ServiceError):
    """The request body arrived too slowly."""


class Stopping(ServiceError):
    """The service shut down before it could answer."""


class Overloaded(ServiceError):
    """There is more work than the service can finish in time.

    Retry after `retry_after_s` seconds; `reason` says, for metrics, which resource ran out.
    """

    def __init__(self, message: str, retry_after_s: float = 1.0, reason: str = "overload") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.reason = reason


class RateLimited(Overloaded):
    """The caller has exceeded its rate limit; it may retry after `retry_after_s` seconds."""


class ModelError(FacedetectError):
    """A model cannot be built, converted or read."""


class InvalidModel(ModelError):
    """The file is not a model, or something is missing from it."""


class OutputExists(ModelError):
    """The output already exists; it was not changed."""


class BackendError(FacedetectError):
    """The model did not answer."""


class BackendUnavailable(BackendError):
    """The backend is not reachable, or not ready yet."""


class ModelNotFound(BackendUnavailable):
    """The backend does not have this model or version."""


class BackendTimeout(BackendError):
    """The backend did not answer before the deadline."""


def unfinished_error() -> BackendTimeout:
    """Return the error for an image whose search in this process exceeds its deadline."""
    return BackendTimeout(
        "the model did not answer before the deadline; use a larger min_size, fewer looks or "
        "rotations, or higher thresholds"
    )


class BackendProtocolError(BackendError):
    """The backend's answer has the wrong shape."""


PER_IMAGE_ERRORS = (ImageError, InvalidParams, BackendTimeout, BackendProtocolError)
"""Errors of a single image; after any other error the next image would fail, too."""
