"""Access control: where a request comes from, its API key and its rate limit."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Annotated

from fastapi import Depends, Request, Security, params
from fastapi.security import APIKeyHeader, HTTPBearer

from facedetect.errors import InvalidSettings, Unauthorized
from facedetect.service.browser_security import check_host, check_origin
from facedetect.service.keys.key_record import KeyRecord
from facedetect.service.keys.keyring import Keyring
from facedetect.service.rate_limits import RateLimit, RateLimits, parse_rate_limit
from facedetect.settings import ServiceSettings

KEY_HEADER = "X-API-Key"
_KEY_DESCRIPTION = "Create one with `facedetect keys add NAME`."

Dependencies = list[params.Depends]


async def _document_keys(
    _: Annotated[
        str | None,
        Security(
            APIKeyHeader(
                name=KEY_HEADER, scheme_name="key", description=_KEY_DESCRIPTION, auto_error=False
            )
        ),
    ],
    __: Annotated[
        object,
        Security(HTTPBearer(scheme_name="bearer", description=_KEY_DESCRIPTION, auto_error=False)),
    ],
) -> None:
    """Checks nothing: adds both headers to the OpenAPI document and to /docs."""


@dataclass(frozen=True)
class Caller:
    """Who sends a request: the name of the API key, or None if the service has no keys."""

    name: str | None


class AccessControl:
    """Makes the routes' dependencies that admit requests before their bodies are read.

    They put the Caller into `request.state.caller`. For one event loop.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        """Raises InvalidSettings for an unusable key file or an invalid rate limit."""
        self._keyring = None if settings.keys_file is None else Keyring(settings.keys_file)
        self._limit = _default_limit(settings)
        self._parsed_limits: dict[str, RateLimit] = {}
        self._counts = RateLimits()
        self._origins = frozenset(settings.cors_origins)
        self._hosts = frozenset(settings.allowed_hosts)

    def image_dependencies(self) -> Dependencies:
        """For routes that process images."""
        return [Depends(self._check_source), *self._documented(), Depends(self._check_caller)]

    def form_dependencies(self) -> Dependencies:
        """For routes whose form may hold the image and the key; see `needs_form_key`."""
        return [Depends(self._check_source), *self._documented(), Depends(self._check_form)]

    def operations_dependencies(self) -> Dependencies:
        """For routes about the service itself, which have no rate limit."""
        return [Depends(self._check_host), *self._documented(), Depends(self._check_key)]

    def needs_form_key(self, request: Request) -> bool:
        """Whether the route must still call `admit` with the key from the form, or with None."""
        return self._keyring is not None and _key_in_headers(request) is None

    def _documented(self) -> Dependencies:
        return [] if self._keyring is None else [Depends(_document_keys)]

    async def _check_source(self, request: Request) -> None:
        check_host(request.headers, self._hosts)
        check_origin(request.headers, self._origins)

    async def _check_host(self, request: Request) -> None:
        check_host(request.headers, self._hosts)

    async def _check_key(self, request: Request) -> None:
        self._authenticate(request, _key_in_headers(request))

    async def _check_caller(self, request: Request) -> None:
        await self.admit(request, _key_in_headers(request))

    async def _check_form(self, request: Request) -> None:
        if not self.needs_form_key(request):
            await self.admit(request, _key_in_headers(request))

    async def admit(self, request: Request, key: str | None) -> None:
        """Authenticate the caller and count the request. Raises Unauthorized and RateLimited."""
        record = self._authenticate(request, key)
        if record is None:
            if self._limit:
                await self._counts.count(_client_address(request), self._limit)
            return
        limit = self._limit if record.rate_limit is None else self._key_limit(record.rate_limit)
        if limit:
            await self._counts.count(record.id, limit)

    def _authenticate(self, request: Request, key: str | None) -> KeyRecord | None:
        record = None
        if self._keyring is not None:
            if not key:
                raise Unauthorized(
                    f"missing API key; send it as `{KEY_HEADER}: KEY` or as "
                    "`Authorization: Bearer KEY`"
                )
            record = self._keyring.authenticate(key)
        request.state.caller = Caller(None if record is None else record.name)
        return record

    def _key_limit(self, text: str) -> RateLimit:
        if text not in self._parsed_limits:
            self._parsed_limits[text] = parse_rate_limit(text)
        return self._parsed_limits[text]


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
