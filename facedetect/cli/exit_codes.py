"""The exit code of each error."""

from __future__ import annotations

from facedetect import errors

INTERRUPTED = 130  # 128 + SIGINT, as in shells
CANNOT_WRITE = 1  # disk full, or permission denied

NO_FACE = 4  # with --fail-if-none

EXIT_CODES: dict[type[errors.FacedetectError], int] = {
    errors.FacedetectError: 1,
    # 1: an image could not be processed
    errors.ImageError: 1,
    errors.InvalidImage: 1,
    errors.UnsupportedImage: 1,
    errors.UnsupportedEncoding: 1,
    errors.ImageTooLarge: 1,
    errors.InvalidVideo: 1,
    errors.UnsupportedVideo: 1,
    # 2: an invalid option, file or setting
    errors.InvalidParams: 2,
    errors.InvalidDataset: 2,
    errors.InvalidSettings: 2,
    errors.ModelError: 2,
    errors.InvalidModel: 2,
    errors.OutputExists: 2,
    errors.Unauthorized: 2,
    errors.Forbidden: 2,
    # 3: the model or the service could not answer
    errors.ServiceError: 3,
    errors.UploadTimeout: 3,
    errors.Stopping: 3,
    errors.Overloaded: 3,
    errors.RateLimited: 3,
    errors.BackendError: 3,
    errors.BackendUnavailable: 3,
    errors.ModelNotFound: 3,
    errors.BackendTimeout: 3,
    errors.BackendProtocolError: 3,
}
