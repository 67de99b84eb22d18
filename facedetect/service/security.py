"""What browsers are told and asked: security headers, and which sites' pages may call."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facedetect.errors import Forbidden

_DOCS = "/docs"
_POLICY = {
    "default-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "form-action": "'none'",
}
# Swagger's page starts itself by a script within, and sets styles on its elements.
_POLICY_OF_DOCS = {
    **_POLICY,
    "script-src": "'self' 'unsafe-inline'",
    "style-src": "'self' 'unsafe-inline'",
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_RawHeaders = list[tuple[bytes, bytes]]


class SecurityHeaders:
    """Adds to every answer what browsers should not do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = _raw(_POLICY)
        self._headers_of_docs = _raw(_POLICY_OF_DOCS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        is_docs = path == _DOCS or path.startswith(f"{_DOCS}/")
        added = self._headers_of_docs if is_docs else self._headers
        if scope["method"] == "POST":  # faces, and pictures of them
            added = [*added, (b"cache-control", b"no-store")]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _raw(policy: dict[str, str]) -> _RawHeaders:
    words = "; ".join(f"{directive} {sources}" for directive, sources in policy.items())
    headers = {**_HEADERS, "Content-Security-Policy": words}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class Cors(CORSMiddleware):
    """Lets pages of some sites call and read the answers; their cookies are never asked for."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("X-API-Key", "Authorization", "Content-Type"),
            expose_headers=("Retry-After", "X-Request-ID", "X-Face-Count"),
        )


def check_origin(headers: Headers, allowed: Collection[str]) -> None:
    """Raise Forbidden if a browser sends this for a page of a site that is not allowed.

    Without CORS such a page cannot read the answer, but it could have the work done. As Go's
    net/http.CrossOriginProtection does: browsers say where a request comes from in Sec-Fetch-Site,
    or where that is missing (plain HTTP, old ones) in Origin; programs say neither.
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
            f"a page of {origin or 'another site'} sends this, and it is not allowed to; "
            "FACEDETECT_CORS_ORIGINS names the sites whose pages are"
        )


def check_host(headers: Headers, allowed: Collection[str]) -> None:
    """Raise Forbidden if the request is for a host that is not named; all are if none is."""
    if not allowed:
        return
    given = headers.get("host", "")
    try:
        name = urlsplit(f"//{given}").hostname
    except ValueError:
        name = None
    if name not in allowed:
        raise Forbidden(
            f"the request is for the host {given!r}, which is not this service's; "
            "FACEDETECT_ALLOWED_HOSTS names those that are"
        )
