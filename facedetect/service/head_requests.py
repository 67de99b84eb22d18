"""HEAD requests, which are answered like GET without the body (RFC 9110, section 9.3.2)."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware that routes HEAD as GET, so that routes and OpenAPI need not know of it.

    Only the routes see GET: the server drops the body because of the original method.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "HEAD":
            await self._app(scope, receive, send)
            return
        routed = {**scope, "method": "GET"}
        try:
            await self._app(routed, receive, send)
        finally:
            scope.update(routed, method="HEAD")  # the route, for the log
