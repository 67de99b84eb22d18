"""JSON responses made from pydantic models."""

from __future__ import annotations

from fastapi.responses import Response
from pydantic import BaseModel


class PydanticResponse(Response):
    """A pydantic model as JSON; fields that are None are left out."""

    media_type = "application/json"

    def render(self, content: BaseModel) -> bytes:
        return content.model_dump_json(exclude_none=True).encode()
