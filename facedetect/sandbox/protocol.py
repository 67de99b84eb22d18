"""What is said between a decoder process and the one that asked: one JSON object a message.

Nothing that is received is ever executed or unpickled.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import asdict
from typing import Any

from facedetect import errors
from facedetect.faces import Box, Face, Landmarks, Point
from facedetect.hiding import Mask

MAX_MESSAGE_BYTES = 2**20

Message = dict[str, Any]

_ERRORS: dict[str, type[errors.FacedetectError]] = {
    kind.__name__: kind
    for kind in (
        errors.InvalidImage,
        errors.UnsupportedImage,
        errors.ImageTooLarge,
        errors.InvalidSettings,
    )
}


def error_message(error: errors.FacedetectError) -> Message:
    """How a decoder reports an error of the picture."""
    return {"error": type(error).__name__, "text": str(error)}


def to_error(message: Message) -> errors.FacedetectError:
    """The error that a decoder reported."""
    return _ERRORS.get(str(message["error"]), errors.InvalidImage)(str(message.get("text")))


def face_message(face: Face) -> Message:
    """A face as JSON."""
    return asdict(face)


def to_face(message: Message) -> Face:
    """A face from `face_message`."""
    points = {name: Point(**point) for name, point in message["landmarks"].items()}
    return Face(Box(**message["box"]), message["confidence"], Landmarks(**points))


def mask_message(mask: Mask) -> Message:
    """A mask as JSON."""
    return asdict(mask) | {"image": b64encode(mask.image).decode()}


def to_mask(message: Message) -> Mask:
    """A mask from `mask_message`."""
    return Mask(**message | {"image": b64decode(message["image"])})
