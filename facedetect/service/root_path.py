"""Serving below a path prefix such as `/faces`, behind a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class RootPath:
    """ASGI middleware for a path prefix, whether or not the proxy strips it."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request with its full path; redirect the prefix itself to the page."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == self._root_path:  # the page's own links are relative
            await RedirectResponse(f"{self._root_path}/")(scope, receive, send)
        else:
            await self._app(self._below_root(scope), receive, send)

    def _below_root(self, scope: Scope) -> Scope:
        path: str = scope["path"]
        is_whole = path.startswith(f"{self._root_path}/")
        whole = path if is_whole else self._root_path + path
        return {**scope, "path": whole, "root_path": self._root_path}


def path_in_service(scope: Mapping[str, Any]) -> str:
    """Return the path of a request without the prefix, as the routes have it."""
    root_path = scope.get("app_root_path", scope.get("root_path", ""))  # mounts change the second
    return str(scope["path"]).removeprefix(root_path)
