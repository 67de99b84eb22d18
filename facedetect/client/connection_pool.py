"""The connections to the service, with checked URL, key and certificates."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx2

import facedetect
from facedetect.errors import InvalidSettings

# Shorter than the service's five seconds, so that no request goes out on a closing connection.
_KEEP_ALIVE_S = 4.0

_EXAMPLE = "give it as http://HOST:PORT or https://HOST/PATH"


def open_connection_pool(
    base_url: str, api_key: str | None, ca_file: Path | None, proxy: str | None
) -> httpx2.AsyncClient:
    """Open a pool of connections; raises InvalidSettings for an argument that cannot be used."""
    headers = {"User-Agent": f"facedetect/{facedetect.__version__}"}
    if api_key is not None:
        headers["Authorization"] = f"Bearer {_check_key(api_key)}"
    try:
        verify = ssl.create_default_context(cafile=ca_file) if ca_file else True
    except OSError as error:
        raise InvalidSettings(f"ca_file {ca_file} cannot be read: {error.strerror}") from error
    return httpx2.AsyncClient(
        base_url=_parse_base_url(base_url),
        headers=headers,
        verify=verify,
        proxy=None if proxy is None else httpx2.Proxy(_parse_url("proxy", proxy)),
        trust_env=False,
        timeout=None,  # send_with_retries applies one deadline to all steps
        limits=httpx2.Limits(max_keepalive_connections=20, keepalive_expiry=_KEEP_ALIVE_S),
    )


def _parse_base_url(base_url: str) -> httpx2.URL:
    url = _parse_url("base_url", base_url)
    if url.userinfo or url.query or url.fragment:  # errors show the URL: do not include a password
        raise InvalidSettings(
            f"base_url for {url.host} has a user, a query or a fragment; {_EXAMPLE}, "
            "and the key as api_key"
        )
    return url


def _parse_url(name: str, url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
        parsed.raw_host.decode("ascii").encode("idna")  # as the resolver does
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise InvalidSettings(f"{name} is not a URL: {error}; {_EXAMPLE}") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InvalidSettings(
            f"{name} has the scheme {parsed.scheme!r} and the host {parsed.host!r}; {_EXAMPLE}"
        )
    return parsed


def _check_key(api_key: str) -> str:
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key or not api_key:
        raise InvalidSettings(
            "api_key is empty or has invalid characters; check for spaces and line breaks"
        )
    return api_key
