"""JSON as a terminal shows it best: with a newline at its end."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse


class JSONLine(JSONResponse):
    """A response in JSON with a newline, so that a shell's prompt stands on a line of its own."""

    def render(self, content: Any) -> bytes:
        return super().render(content) + b"\n"
