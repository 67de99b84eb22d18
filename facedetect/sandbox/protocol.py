"""The protocol between a decoder process and its parent: one JSON object per message.

Received data is never executed or unpickled.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from facedetect import errors
from facedetect.faces import Box, Face, Landmarks, Point
from facedetect.hiding import Mask
from facedetect.video import FrameSize, VideoFacts

MAX_MESSAGE_BYTES = 2**20

Message = dict[str, Any]

_ERRORS: dict[str, type[errors.FacedetectError]] = {
    kind.__name__: kind
    for kind in (
        errors.InvalidImage,
        errors.UnsupportedImage,
        errors.ImageTooLarge,
        errors.InvalidSettings,
        errors.InvalidVideo,
        errors.UnsupportedVideo,
    )
}


def error_message(error: errors.FacedetectError) -> Message:
    """Encode an error of the file."""
    return {"error": type(error).__name__, "text": str(error)}


def to_error(message: Message) -> errors.FacedetectError:
    """Decode an error that a decoder reported."""
    return _ERRORS.get(str(message["error"]), errors.InvalidImage)(str(message.get("text")))


def face_message(face: Face) -> Message:
    """Encode a face."""
    return asdict(face)


def to_face(message: Message) -> Face:
    """Decode a face from `face_message`."""
    points = {name: Point(**point) for name, point in message["landmarks"].items()}
    return Face(Box(**message["box"]), message["confidence"], Landmarks(**points))


def mask_message(mask: Mask) -> Message:
    """Encode a mask."""
    return asdict(mask) | {"image": b64encode(mask.image).decode()}


def to_mask(message: Message) -> Mask:
    """Decode a mask from `mask_message`."""
    return Mask(**message | {"image": b64decode(message["image"])})


def size_message(size: FrameSize) -> list[Any]:
    """Encode a frame size."""
    return [size.width, size.height, str(size.pixel_aspect)]


def to_size(message: list[Any]) -> FrameSize:
    """Decode a frame size."""
    width, height, pixel_aspect = message
    return FrameSize(int(width), int(height), Fraction(pixel_aspect))


def facts_message(facts: VideoFacts) -> Message:
    """Encode what is known of a video."""
    return vars(facts) | {"frame_size": size_message(facts.frame_size)}


def to_facts(message: Message) -> VideoFacts:
    """Decode what is known of a video."""
    return VideoFacts(**message | {"frame_size": to_size(message["frame_size"])})
