"""JSON responses that end with a newline."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse


class JSONLine(JSONResponse):
    """A JSON response that ends with a newline, so that a shell's prompt starts a new line."""

    def render(self, content: Any) -> bytes:
        return super().render(content) + b"\n"
