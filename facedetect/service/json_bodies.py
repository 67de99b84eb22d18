"""JSON bodies: an image in base64, and its parameters."""

from __future__ import annotations

import base64
import json
import re
from binascii import Error as NoBase64
from collections import Counter
from typing import Any, NamedTuple

from facedetect.errors import InvalidImage, InvalidParams

MEDIA_TYPE = "application/json"

_SHAPE = '{"image": "BASE64 or a data: URL", "min_size": 40}'
_KEY = b'"image"'
_VALUE = re.compile(rb'\s*:\s*"')
_DATA_URL = re.compile(rb"data:[^,]{0,200};base64,", re.IGNORECASE)
_BLANKS = b" \t\r\n"

# The limit on everything but the image. Parsed JSON takes up to 20 times the memory of its text.
_MAX_REST_BYTES = 64 * 2**10

_PIECE = 2**18  # bytes decoded at a time, as it blocks other threads; a multiple of 4


class SentImage(NamedTuple):
    """An image, and the parameters that were sent with it."""

    data: bytes
    params: dict[str, Any]


def max_json_bytes(image_bytes: int) -> int:
    """Return how long the body of an image of so many bytes may be."""
    return 4 * -(-image_bytes // 3) + _MAX_REST_BYTES


def parse_json_image(body: bytes) -> SentImage:
    """Return the image and the parameters in a body.

    Raises InvalidImage for malformed JSON or base64, and InvalidParams for JSON without an image.
    """
    start, end = _find_image(body)
    params = _parse_rest(body[:start] + body[end:])
    if params.pop("image", None) != "" or start == end:
        raise InvalidParams(f"the JSON body has no image; send {_SHAPE}")
    return SentImage(_decode(body[start:end]), params)


def _find_image(body: bytes) -> tuple[int, int]:
    """Return where the image's text starts and ends; (0, 0) if there is none."""
    key = body.find(_KEY)
    value = _VALUE.match(body, key + len(_KEY)) if key >= 0 else None
    if value is None:
        return 0, 0
    end = body.find(b'"', value.end())
    return value.end(), len(body) if end < 0 else end


def _parse_rest(text: bytes) -> dict[str, Any]:
    if len(text) > _MAX_REST_BYTES:
        raise InvalidParams(
            f"the JSON body has more than {_MAX_REST_BYTES} bytes beside the image; send {_SHAPE}"
        )
    try:
        params = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise InvalidImage(f"malformed JSON: {error}; send {_SHAPE}") from error
    if not isinstance(params, dict):
        raise InvalidParams(f"the JSON body is not an object; send {_SHAPE}")
    return params


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise InvalidParams(f"{name[:40]} is given {count} times in the JSON; give it once")
    return dict(pairs)


def _decode(text: bytes) -> bytes:
    if b"\\" in text:  # PHP escapes / as \/, .NET + as \u002B
        text = _unescape(text)
    if prefix := _DATA_URL.match(text):
        text = text[prefix.end() :]
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    try:
        return b"".join([base64.b64decode(piece, validate=True) for piece in pieces])
    except NoBase64 as error:
        raise InvalidImage(
            f"the image is not base64: {error}; send A-Z, a-z, 0-9, + and /, padded with ="
        ) from error


def _unescape(text: bytes) -> bytes:
    try:
        unescaped: str = json.loads(b'"' + text + b'"')
        return unescaped.encode("ascii").translate(None, _BLANKS)
    except ValueError as error:
        raise InvalidImage("the image is not base64: it has other characters") from error
