"""Protection in browsers: security headers, CORS, and checks of origin and host."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facedetect.errors import Forbidden
from facedetect.service.root_path import path_in_service

_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
)
# Swagger UI needs its inline script and styles.
_POLICY_OF_DOCS = f"{_POLICY}; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """Middleware that adds security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_headers_for(scope))
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _headers_for(scope: Scope) -> dict[str, str]:
    path = path_in_service(scope)
    is_docs = path == "/docs" or path.startswith("/docs/")
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY_OF_DOCS if is_docs else _POLICY}
    if scope["method"] == "POST":  # responses with faces must not be cached
        headers["Cache-Control"] = "no-store"
    return headers


def cors_middleware(origins: Collection[str]) -> Middleware:
    """Return CORS for the allowed origins, always without credentials."""
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=("GET", "POST"),
        allow_headers=("X-API-Key", "Authorization", "Content-Type"),
        expose_headers=("Retry-After", "X-Request-ID", "X-Face-Count"),
    )


def check_origin(headers: Headers, allowed: Collection[str]) -> None:
    """Raise Forbidden for a cross-origin request from a browser, unless its origin is allowed.

    Without CORS a foreign page cannot read the response, but it could still make the service work.
    The check is that of Go's net/http.CrossOriginProtection: Sec-Fetch-Site decides, or Origin if
    a browser does not send it (plain HTTP, old versions); other programs send neither. The page may
    read this refusal, which says nothing but what to set.
    """
    origin = headers.get("origin")
    if "*" in allowed or origin in allowed:
        return
    site = headers.get("sec-fetch-site")
    if site is None:
        own = headers.get("host", "").lower()
        is_foreign = origin is not None and origin.lower().partition("://")[2] != own
    else:
        is_foreign = site not in {"same-origin", "none"}
    if is_foreign:
        raise Forbidden(
            f"cross-origin request from {origin or 'another site'}; add the origin to "
            "FACEDETECT_CORS_ORIGINS to allow it",
            origin,
        )


def check_host(headers: Headers, allowed: Collection[str]) -> None:
    """Raise Forbidden if the Host header is not in `allowed`, which allows all if it is empty."""
    if not allowed:
        return
    given = headers.get("host", "")
    try:
        name = urlsplit(f"//{given}").hostname
    except ValueError:
        name = None
    if name not in allowed:
        raise Forbidden(
            f"host {given!r} is not allowed; FACEDETECT_ALLOWED_HOSTS lists the allowed hosts"
        )
