"""Who may call: from a page that is allowed to, with a key, no more often than agreed."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Annotated

from fastapi import Depends, Request, Security, params
from fastapi.security import APIKeyHeader, HTTPBearer

from facedetect.errors import InvalidSettings, Unauthorized
from facedetect.service.keys.keyring import Keyring
from facedetect.service.keys.records import KeyRecord
from facedetect.service.rate_limits import RateLimit, RateLimits, parse_rate_limit
from facedetect.service.security import check_host, check_origin
from facedetect.settings import ServiceSettings

KEY_HEADER = "X-API-Key"
_HOW = f"send it as `{KEY_HEADER}: KEY` or as `Authorization: Bearer KEY`"
_MADE_BY = "`facedetect keys add NAME` makes one."

Dependencies = list[params.Depends]


async def _document_keys(
    _: Annotated[
        str | None,
        Security(
            APIKeyHeader(name=KEY_HEADER, scheme_name="key", description=_MADE_BY, auto_error=False)
        ),
    ],
    __: Annotated[
        object,
        Security(HTTPBearer(scheme_name="bearer", description=_MADE_BY, auto_error=False)),
    ],
) -> None:
    """For the OpenAPI document, and whoever tries calls out at /docs."""


@dataclass(frozen=True)
class Caller:
    """Who sends a request: the name of a key, or None where no keys are asked for."""

    name: str | None


class Gatekeeper:
    """Lets requests in, before their bodies are read. For one event loop.

    It makes the dependencies of routes, which put the Caller into `request.state.caller`.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        """Raises InvalidSettings for keys or a rate limit that cannot be read."""
        self._keyring = None if settings.keys_file is None else Keyring(settings.keys_file)
        self._limit = _limit_of(settings)
        self._limits_of_keys: dict[str, RateLimit] = {}
        self._counts = RateLimits()
        self._origins = frozenset(settings.cors_origins)
        self._hosts = frozenset(settings.allowed_hosts)

    def of_images(self) -> Dependencies:
        """For calls that look at images."""
        return [Depends(self._check_source), *self._documented(), Depends(self._check_caller)]

    def of_forms(self) -> Dependencies:
        """For calls with images that may have the key in their form, see `asks_for_form`."""
        return [Depends(self._check_source), *self._documented(), Depends(self._check_form)]

    def of_operations(self) -> Dependencies:
        """For calls that tell of the service; they are not counted."""
        return [Depends(self._check_host), *self._documented(), Depends(self._check_key)]

    def asks_for_form(self, request: Request) -> bool:
        """Whether `admit` is still to be called, with what the form has for a key."""
        return self._keyring is not None and key_of(request) is None

    def _documented(self) -> Dependencies:
        return [] if self._keyring is None else [Depends(_document_keys)]

    async def _check_source(self, request: Request) -> None:
        check_host(request.headers, self._hosts)
        check_origin(request.headers, self._origins)

    async def _check_host(self, request: Request) -> None:
        check_host(request.headers, self._hosts)

    async def _check_key(self, request: Request) -> None:
        await self._identify(request, key_of(request))

    async def _check_caller(self, request: Request) -> None:
        await self.admit(request, key_of(request))

    async def _check_form(self, request: Request) -> None:
        if not self.asks_for_form(request):
            await self.admit(request, key_of(request))

    async def admit(self, request: Request, key: str | None) -> None:
        """Find out who calls, and count the call. Raises Unauthorized and RateLimited."""
        record = await self._identify(request, key)
        if record is None:
            if self._limit:
                await self._counts.count(_address_of(request), self._limit)
            return
        limit = self._limit if record.rate_limit is None else self._own_limit(record.rate_limit)
        if limit:
            await self._counts.count(record.id, limit)

    async def _identify(self, request: Request, key: str | None) -> KeyRecord | None:
        record = None
        if self._keyring is not None:
            if not key:
                raise Unauthorized(f"no API key was sent; {_HOW}")
            record = await self._keyring.identify(key)
        request.state.caller = Caller(None if record is None else record.name)
        return record

    def _own_limit(self, words: str) -> RateLimit:
        if words not in self._limits_of_keys:
            self._limits_of_keys[words] = parse_rate_limit(words)
        return self._limits_of_keys[words]


def key_of(request: Request) -> str | None:
    """The key in a request's headers."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            key = credentials.strip()
    return key


def _limit_of(settings: ServiceSettings) -> RateLimit:
    if settings.rate_limit is None:
        return ()
    try:
        return parse_rate_limit(settings.rate_limit)
    except ValueError as error:
        raise InvalidSettings(f"FACEDETECT_RATE_LIMIT: {error}") from error


def _address_of(request: Request) -> str:
    """Whom to count an unknown caller as: an IPv6 network of 64 bits is one home or one machine."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:  # what a proxy says need not be an address
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Network((address, 64), strict=False))
    return host
