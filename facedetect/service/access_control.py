"""Access control: where a request comes from, its API key and its rate limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, IPv6Network, ip_address

from fastapi import Depends, Request, Security, params
from fastapi.security import APIKeyHeader, HTTPBearer

from facedetect.errors import InvalidSettings, Unauthorized
from facedetect.service.browser_security import check_host, check_origin
from facedetect.service.keys.key_record import KeyRecord
from facedetect.service.keys.keyring import Keyring
from facedetect.service.rate_limits import RateLimit, RateLimits, parse_rate_limit
from facedetect.service.request_context import current_request
from facedetect.settings import ServiceSettings

KEY_HEADER = "X-API-Key"
_KEY_DESCRIPTION = "Create one with `facedetect keys add NAME`."

Dependencies = list[params.Depends]

# They check nothing: they add both headers to the OpenAPI document and to /docs.
_DOCUMENTED_KEYS = [
    Security(
        APIKeyHeader(
            name=KEY_HEADER, scheme_name="key", description=_KEY_DESCRIPTION, auto_error=False
        )
    ),
    Security(HTTPBearer(scheme_name="bearer", description=_KEY_DESCRIPTION, auto_error=False)),
]


class AccessControl:
    """Makes the routes' dependencies that admit requests before their bodies are read.

    They put the caller's name into the request's context. For one event loop.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        """Raises InvalidSettings for an unusable key file or an invalid rate limit."""
        self._keyring = None if settings.keys_file is None else Keyring(settings.keys_file)
        self._limit = _default_limit(settings)
        self._counts = RateLimits()
        self._origins = frozenset(settings.cors_origins)
        self._hosts = frozenset(settings.allowed_hosts)

    def image_dependencies(self) -> Dependencies:
        """For routes that process images."""
        return self._dependencies(self._check_caller)

    def form_dependencies(self) -> Dependencies:
        """For routes whose form may hold the image and the key; see `needs_form_key`."""
        return self._dependencies(self._check_form)

    def operations_dependencies(self) -> Dependencies:
        """For routes about the service itself, which have no rate limit."""
        return self._dependencies(self._check_key)

    def needs_form_key(self, request: Request) -> bool:
        """Whether the route must still call `admit` with the key from the form, or with None."""
        return self._keyring is not None and _key_in_headers(request) is None

    async def admit(self, request: Request, key: str | None) -> None:
        """Authenticate the caller and count the request. Raises Unauthorized and RateLimited."""
        record = self._authenticate(key)
        if record is None:
            await self._counts.count(_client_address(request), self._limit)
        elif record.rate_limit is None:
            await self._counts.count(record.id, self._limit)
        else:
            await self._counts.count(record.id, parse_rate_limit(record.rate_limit))

    def _dependencies(self, check: Callable[[Request], Awaitable[None]]) -> Dependencies:
        documented = [] if self._keyring is None else _DOCUMENTED_KEYS
        return [Depends(self._check_source), *documented, Depends(check)]

    async def _check_source(self, request: Request) -> None:
        check_host(request.headers, self._hosts)
        if request.method == "POST":
            check_origin(request.headers, self._origins)

    async def _check_key(self, request: Request) -> None:
        self._authenticate(_key_in_headers(request))

    async def _check_caller(self, request: Request) -> None:
        await self.admit(request, _key_in_headers(request))

    async def _check_form(self, request: Request) -> None:
        if not self.needs_form_key(request):
            await self._check_caller(request)

    def _authenticate(self, key: str | None) -> KeyRecord | None:
        if self._keyring is None:
            return None
        if not key:
            raise Unauthorized(
                f"missing API key; send it as `{KEY_HEADER}: KEY` or as `Authorization: Bearer KEY`"
            )
        record = self._keyring.authenticate(key)
        current_request().caller = record.name
        return record


def _key_in_headers(request: Request) -> str | None:
    key = request.headers.get(KEY_HEADER)
    if key is None:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            key = credentials.strip()
    return key


def _default_limit(settings: ServiceSettings) -> RateLimit:
    if settings.rate_limit is None:
        return ()
    try:
        return parse_rate_limit(settings.rate_limit)
    except ValueError as error:
        raise InvalidSettings(f"FACEDETECT_RATE_LIMIT: {error}") from error


def _client_address(request: Request) -> str:
    """What to count a caller without a key by: an IPv6 /64 is one home or one machine."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:  # a proxy may send anything
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Network((address, 64), strict=False))
    return host
