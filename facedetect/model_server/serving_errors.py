"""Errors with a gRPC code and a message: TensorFlow's own."""

from __future__ import annotations

import grpc

from facedetect.model import tensorflow as tf

_CODES = {code.value[0]: code for code in grpc.StatusCode}

# gRPC sends the message in a header, and clients reject headers over 8 KB.
_MAX_MESSAGE_LENGTH = 4_000


def invalid_argument(message: str) -> Exception:
    """Create the error for a malformed request."""
    error: Exception = tf.errors.InvalidArgumentError(None, None, message)
    return error


def not_found(message: str) -> Exception:
    """Create the error for an unknown model or version."""
    error: Exception = tf.errors.NotFoundError(None, None, message)
    return error


def servable_not_found(name: str, version: int | None = None) -> Exception:
    """Create the error for a model or version that is not served."""
    request = f"Latest({name})" if version is None else f"Specific({name}, {version})"
    return not_found(f"Servable not found for request: {request}")


def unimplemented(message: str) -> Exception:
    """Create the error for what this server does not support, unlike TensorFlow Serving."""
    error: Exception = tf.errors.UnimplementedError(None, None, message)
    return error


def grpc_code(error: Exception) -> grpc.StatusCode:
    """Return a TensorFlow error's code; NOT_FOUND for file errors, UNKNOWN for any other."""
    if isinstance(error, tf.errors.OpError):
        return _CODES.get(error.error_code, grpc.StatusCode.UNKNOWN)
    return grpc.StatusCode.NOT_FOUND if isinstance(error, OSError) else grpc.StatusCode.UNKNOWN


def error_message(error: Exception) -> str:
    """Return the error's message without the Python stack that Session.run appends."""
    origin = error.__context__ if isinstance(error.__context__, tf.errors.OpError) else error
    message = origin.message if isinstance(origin, tf.errors.OpError) else str(origin)
    return str(message)[:_MAX_MESSAGE_LENGTH]
