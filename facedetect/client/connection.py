"""How both clients connect."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TypedDict

import httpx2

import facedetect
from facedetect.errors import InvalidSettings

# Shorter than the service's own five seconds, so that no request meets a connection as it closes.
_KEEP_ALIVE_S = 4.0


_EXAMPLE = "give it as http://HOST:PORT or https://HOST/PATH"


class HttpOptions(TypedDict):
    """What httpx2's clients are made with."""

    headers: dict[str, str]
    verify: ssl.SSLContext | bool
    proxy: httpx2.Proxy | None
    trust_env: bool
    limits: httpx2.Limits


def http_options(api_key: str | None, ca_file: Path | None, proxy: str | None) -> HttpOptions:
    """Raises InvalidSettings for a key, a file or a proxy that cannot be used."""
    headers = {"User-Agent": f"facedetect/{facedetect.__version__}"}
    if api_key is not None:
        headers["Authorization"] = f"Bearer {_checked_key(api_key)}"
    try:
        verify = ssl.create_default_context(cafile=ca_file) if ca_file else True
    except OSError as error:
        raise InvalidSettings(f"ca_file {ca_file} cannot be read: {error.strerror}") from error
    return HttpOptions(
        headers=headers,
        verify=verify,
        proxy=None if proxy is None else httpx2.Proxy(_parsed("proxy", proxy)),
        trust_env=False,
        limits=httpx2.Limits(max_keepalive_connections=20, keepalive_expiry=_KEEP_ALIVE_S),
    )


def check_base_url(url: str) -> None:
    """Raises InvalidSettings if it is not whole, or has what should not be shown in errors."""
    parsed = _parsed("base_url", url)
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise InvalidSettings(
            f"base_url for {parsed.host} has a user, a query or a fragment; {_EXAMPLE}, "
            "and the key as api_key"
        )


def check_timeout_s(timeout_s: float) -> None:
    """Raises InvalidSettings."""
    if not 0 < timeout_s < float("inf"):
        raise InvalidSettings(f"timeout_s is {timeout_s}; it must be above 0 and finite")


def _parsed(name: str, url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
        parsed.raw_host.decode("ascii").encode("idna")  # as it is looked up
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise InvalidSettings(f"{name} is no URL: {error}; {_EXAMPLE}") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InvalidSettings(
            f"{name} has the scheme {parsed.scheme!r} and the host {parsed.host!r}; {_EXAMPLE}"
        )
    return parsed


def _checked_key(api_key: str) -> str:
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key or not api_key:
        raise InvalidSettings(
            "api_key has characters that a key cannot have; is a line break or a blank at its end?"
        )
    return api_key
