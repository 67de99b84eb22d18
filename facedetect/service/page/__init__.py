"""The page at `/`: static files that need no host but this service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

_FOLDER = Path(__file__).with_name("static")


class _FreshFiles(StaticFiles):
    """Static files that browsers revalidate on each use: updates are visible at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def add_page(app: FastAPI) -> None:
    """Serve the page at `/` and its files below `/page`."""
    files = _FreshFiles(directory=_FOLDER)

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    app.mount("/page", files)
