"""Errors as the two protocols tell them: TensorFlow's, with its code and its words."""

from __future__ import annotations

from typing import Any

import grpc

from facedetect.model import tensorflow as tf

_CODES = {code.value[0]: code for code in grpc.StatusCode}

# gRPC carries a message in a header, and clients refuse headers over 8 KB.
_LONGEST_MESSAGE = 4_000


def invalid_argument(message: str) -> Exception:
    """Make the error for a request that cannot be right."""
    return _made(tf.errors.InvalidArgumentError, message)


def failed_precondition(message: str) -> Exception:
    """Make the error for a request that the model as it is cannot serve."""
    return _made(tf.errors.FailedPreconditionError, message)


def not_found(message: str) -> Exception:
    """Make the error for a model or a version that is not there."""
    return _made(tf.errors.NotFoundError, message)


def _made(kind: Any, message: str) -> Exception:
    error: Exception = kind(None, None, message)
    return error


def code_of(error: Exception) -> grpc.StatusCode:
    """The error's code; what is not TensorFlow's is UNKNOWN, a missing file NOT_FOUND."""
    if isinstance(error, tf.errors.OpError):
        return _CODES.get(error.error_code, grpc.StatusCode.UNKNOWN)
    if isinstance(error, OSError):
        return grpc.StatusCode.NOT_FOUND
    return grpc.StatusCode.UNKNOWN


def message_of(error: Exception) -> str:
    """What the error says; a session's, as the graph raised it.

    Session.run raises it again with the lines of Python that built the graph.
    """
    origin = error.__context__ if isinstance(error.__context__, tf.errors.OpError) else error
    message = origin.message if isinstance(origin, tf.errors.OpError) else str(origin)
    return str(message)[:_LONGEST_MESSAGE]
