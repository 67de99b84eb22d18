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
from facedetect.service.rate_limits import RateLimits
from facedetect.service.request_context import current_request
from facedetect.settings import ServiceSettings

KEY_HEADER = "X-API-Key"
_HINT = "Create one with `facedetect keys add NAME`."
_HEADER = APIKeyHeader(name=KEY_HEADER, scheme_name="key", description=_HINT, auto_error=False)
_BEARER = HTTPBearer(scheme_name="bearer", description=_HINT, auto_error=False)

# These dependencies check nothing: they add both headers to the OpenAPI document and /docs.
_DOCUMENTED_KEYS = [Security(_HEADER), Security(_BEARER)]

Dependencies = list[params.Depends]


class AccessControl:
    """Creates the routes' dependencies that authorize requests before their bodies are read.

    They store the caller's id and name in the request's context. For one event loop.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        """Raises InvalidSettings for an unusable key file or an invalid rate limit."""
        self._keyring = None if settings.keys_file is None else Keyring(settings.keys_file)
        self._origins = frozenset(settings.cors_origins)
        self._hosts = frozenset(settings.allowed_hosts)
        try:
            self._rate_limits = RateLimits(settings.rate_limit)
        except ValueError as error:
            raise InvalidSettings(f"FACEDETECT_RATE_LIMIT: {error}") from error

    def dependencies(self, check: Callable[[Request], Awaitable[None]]) -> Dependencies:
        """Return a route's dependencies: the checks of host and origin, then this check."""
        documented = [] if self._keyring is None else _DOCUMENTED_KEYS
        return [Depends(self._check_source), *documented, Depends(check)]

    async def check_key(self, request: Request) -> None:
        """Check the key on routes about the service itself, which have no rate limit."""
        self._authenticate(await _key_in_headers(request))

    async def check_caller(self, request: Request) -> None:
        """Check key and rate limit on routes that process images."""
        await self.authorize(request, await _key_in_headers(request))

    async def check_form(self, request: Request) -> None:
        """Check routes whose form may contain the image and the key; see `needs_form_key`."""
        if not await self.needs_form_key(request):
            await self.check_caller(request)

    async def needs_form_key(self, request: Request) -> bool:
        """Return whether the route must still `authorize` the form's key, or None."""
        return self._keyring is not None and await _key_in_headers(request) is None

    async def authorize(self, request: Request, key: str | None) -> None:
        """Authenticate the caller and count the request. Raises Unauthorized and RateLimited."""
        record = self._authenticate(key)
        caller_id = _client_address(request) if record is None else record.id
        current_request().caller_id = caller_id
        await self._rate_limits.count(caller_id, None if record is None else record.rate_limit)

    async def _check_source(self, request: Request) -> None:
        check_host(request.headers, self._hosts)
        if request.method == "POST":
            check_origin(request.headers, self._origins)

    def _authenticate(self, key: str | None) -> KeyRecord | None:
        if self._keyring is None:
            return None
        if not key:
            raise Unauthorized(
                f"missing API key; send it as `{KEY_HEADER}: KEY` or as `Authorization: Bearer KEY`"
            )
        record = self._keyring.authenticate(key)
        current_request().key_name = record.name
        return record


async def _key_in_headers(request: Request) -> str | None:
    bearer = await _BEARER(request)
    return await _HEADER(request) or (None if bearer is None else bearer.credentials)


def _client_address(request: Request) -> str:
    """Return the id of a caller without a key; an IPv6 /64 counts as one caller."""
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
