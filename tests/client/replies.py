"""The replies of scripted services."""

from __future__ import annotations

import json

from facedetect.client import Retries
from tests.client.servers import Reply

FOUND = {"image": {"width": 9, "height": 8}, "faces": [], "model": {"name": "m", "version": 1}}
GOOD = Reply(200, json.dumps(FOUND).encode())
PHOTO = b"the bytes of a photograph"
HALF_DRAW = Retries(first_pause_s=1, draw=lambda: 0.5)


def problem(status: int, slug: str, **headers: str) -> Reply:
    body = {"type": f"urn:facedetect:problem:{slug}", "status": status, "detail": f"it is {slug}"}
    return Reply(status, json.dumps(body).encode(), headers)


BUSY = problem(429, "overloaded")
