"""Everything facedetect raises on purpose.

    FacedetectError
    ├── ImageError                  one picture cannot be used; the next one can
    │   ├── InvalidImage            bytes that do not decode whole, or no image at all
    │   ├── UnsupportedImage        a format or pixel type that is not taken
    │   │   └── UnsupportedEncoding a body that is compressed for its way
    │   ├── ImageTooLarge           over a limit on bytes, pixels, frames, time or memory
    │   ├── InvalidVideo            a video of which nothing decodes, or no video at all
    │   └── UnsupportedVideo        a video that cannot be read, or written, here
    ├── InvalidParams               detection parameters out of bounds, or too much work
    ├── InvalidDataset              labelled pictures that cannot be read, or contradict themselves
    ├── InvalidSettings             a setting, an option or a backend URL that cannot be right
    ├── ServiceError                the service would not take the request
    │   ├── Unauthorized            no API key, or one that is not known
    │   ├── Forbidden               from a page, or for a host, that is not allowed
    │   ├── UploadTimeout           the body came too slowly
    │   ├── Stopping                the service was stopped before it could answer
    │   └── Overloaded              more work than can be done in time; says when to come again
    │       └── RateLimited         more requests than this caller may send
    ├── ModelError                  while building, converting or reading a model
    │   ├── InvalidModel            the file is not a model, or lacks something it needs
    │   └── OutputExists            there is already a file where the result should go
    └── BackendError                the model could not answer
        ├── BackendUnavailable      not there, or not ready yet
        │   └── ModelNotFound       the backend is there, the model or version is not
        ├── BackendTimeout          no answer before the deadline
        └── BackendProtocolError    an answer of the wrong shape

The messages say what was given, what is allowed and what to do. Nothing here knows of HTTP or of
exit codes: `service.problems` and `cli.exit_codes` map each class to theirs.
"""

from __future__ import annotations

from typing import TypeVar


class FacedetectError(Exception):
    """The root: catch it to catch everything below.

    The message is for everybody; notes (`add_note`) are for those who run the service: addresses,
    and the words of other systems.
    """


def format_with_notes(error: FacedetectError) -> str:
    """Return the message with its notes: for logs and terminals, never to be sent to clients."""
    return ": ".join([str(error), *getattr(error, "__notes__", [])])


E = TypeVar("E", bound=FacedetectError)


def copy_error(error: FacedetectError, kind: type[E]) -> E:
    """Return a new error of that class with the same message and notes, to raise from the first."""
    again = kind(str(error))
    for note in getattr(error, "__notes__", []):
        again.add_note(note)
    return again


class ImageError(FacedetectError):
    """A picture cannot be used."""


class InvalidImage(ImageError):
    """The bytes do not decode whole, or the array is not an image."""


class UnsupportedImage(ImageError):
    """The format or pixel type is not taken."""


class UnsupportedEncoding(UnsupportedImage):
    """The body of a request is compressed (Content-Encoding)."""


class ImageTooLarge(ImageError):
    """The picture exceeds a limit on bytes, pixels or frames, or on what its decoder may take."""


class InvalidVideo(ImageError):
    """Nothing of the video decodes, or the file holds no moving pictures."""


class UnsupportedVideo(ImageError):
    """The video cannot be read, or written, by what is installed here."""


class InvalidParams(FacedetectError):
    """Detection parameters are out of bounds, or ask for more work than is allowed."""


class InvalidDataset(FacedetectError):
    """Labelled pictures cannot be read, or their labels cannot be right."""


class InvalidSettings(FacedetectError):
    """A setting, an option or a backend URL cannot be right."""


class ServiceError(FacedetectError):
    """The service would not take the request."""


class Unauthorized(ServiceError):
    """The request has no API key, or one that is not known."""


class Forbidden(ServiceError):
    """A browser sends the request for a page, or to a host, that is not allowed.

    `origin` is the page's, if it may read why.
    """

    def __init__(self, message: str, origin: str | None = None) -> None:
        super().__init__(message)
        self.origin = origin


class UploadTimeout(ServiceError):
    """The request's body came too slowly."""


class Stopping(ServiceError):
    """The service was stopped before it could answer."""


class Overloaded(ServiceError):
    """There is more work than can be done in time.

    `retry_after_s` is when there will be less; `reason` names, for statistics, what has run out.
    """

    def __init__(self, message: str, retry_after_s: float = 1.0, reason: str = "overload") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.reason = reason


class RateLimited(Overloaded):
    """The caller has sent more requests than it may; `retry_after_s` is when it may again."""


class ModelError(FacedetectError):
    """A model cannot be built, converted or read."""


class InvalidModel(ModelError):
    """The file is no model, or lacks what was asked of it."""


class OutputExists(ModelError):
    """Something already stands where the result should go; it was left as it is."""


class BackendError(FacedetectError):
    """The model could not answer."""


class BackendUnavailable(BackendError):
    """The backend is not there, or not ready yet."""


class ModelNotFound(BackendUnavailable):
    """The backend is there, the model or its version is not."""


class BackendTimeout(BackendError):
    """There was no answer before the deadline."""


class BackendProtocolError(BackendError):
    """The backend's answer has the wrong shape."""


PER_IMAGE_ERRORS = (ImageError, InvalidParams, BackendTimeout, BackendProtocolError)
"""What can be wrong with one image; after any other error the next image would fail as well."""
