"""JSON as a terminal shows it best: with a newline at its end."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse


class JSONLine(JSONResponse):
    """A response in JSON that ends with a newline, so that the shell's prompt does not follow it."""

    def render(self, content: Any) -> bytes:
        return super().render(content) + b"\n"
