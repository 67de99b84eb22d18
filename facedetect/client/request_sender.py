"""Sends requests to the service: one deadline for all tries, retries, the package's own errors."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import TypeVar

import httpx2

from facedetect.client.client_config import ClientConfig
from facedetect.client.response_parsing import parse_error
from facedetect.client.retries import NO_RETRIES, Retries, parse_retry_after
from facedetect.client.service_requests import ServiceRequest, ready_request
from facedetect.errors import (
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    FacedetectError,
)
from facedetect.model_ref import ModelRef

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]

_READINESS_INTERVAL_S = 0.25
_RETRIED_STATUSES = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
# Nothing was sent yet. Later failures may be the image's doing, and are not retried.
_RETRIED_FAILURES = (httpx2.ConnectError, httpx2.ProxyError)

# httpx2 has no class of its own for a connection that is closed instead of a response.
_NO_RESPONSE = "Server disconnected"


class RequestSender:
    """Sends requests over `http` as `config` says; `sleep` waits between tries."""

    def __init__(self, http: httpx2.AsyncClient, config: ClientConfig, sleep: Sleep) -> None:
        self._http = http
        self._config = config
        self._sleep = sleep

    async def send(self, request: ServiceRequest[T]) -> T:
        """Return the parsed response. Raises FacedetectError's subclasses.

        Retries until the timeout, and starts no pause that would outlast it.
        """
        return await self._send(request, self._config)

    async def check_ready(self) -> ModelRef:
        """Return the model that is ready. Not retried: "not ready" is an answer, too."""
        return await self._send(ready_request(), replace(self._config, retries=NO_RETRIES))

    async def wait_until_ready(self, timeout_s: float) -> ModelRef:
        """Check until a model is ready; at the timeout raises the last BackendError."""
        config = replace(self._config, timeout_s=timeout_s, retries=NO_RETRIES)
        deadline = _now() + timeout_s
        while True:
            try:
                return await self._send(ready_request(), config)
            except BackendError as error:
                left_s = deadline - _now() - _READINESS_INTERVAL_S
                if left_s <= 0 or _is_tls_refusal(error):
                    raise
            await self._sleep(_READINESS_INTERVAL_S)
            config = replace(config, timeout_s=left_s)

    async def _send(self, request: ServiceRequest[T], config: ClientConfig) -> T:
        url = config.base_url + request.path
        deadline = _now() + config.timeout_s
        tries = 0
        while True:
            outcome = await self._try_once(request, url, deadline)
            if isinstance(outcome, httpx2.Response) and outcome.status_code == HTTPStatus.OK:
                return request.parse(outcome)
            tries += 1
            pause_s = _pause_s(outcome, tries, config.retries)
            if pause_s is None or _now() + pause_s >= deadline:
                cause = outcome if isinstance(outcome, Exception) else None
                raise _to_error(outcome, url, config.timeout_s) from cause
            await self._sleep(pause_s)

    async def _try_once(
        self, request: ServiceRequest[T], url: str, deadline: float
    ) -> httpx2.Response | httpx2.HTTPError | TimeoutError:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._http.request(
                    request.method,
                    url,
                    params=request.query,
                    headers=request.headers,
                    content=request.body,
                )
        except (httpx2.HTTPError, TimeoutError) as error:
            return error


def _now() -> float:
    return asyncio.get_running_loop().time()


def _pause_s(outcome: httpx2.Response | Exception, tries: int, retries: Retries) -> float | None:
    """How long to wait before the next try; None if there is none."""
    retry_after_s = None
    if isinstance(outcome, httpx2.Response):
        is_retried = outcome.status_code in _RETRIED_STATUSES
        retry_after_s = parse_retry_after(outcome.headers.get("retry-after", ""))
    else:
        is_retried = isinstance(outcome, _RETRIED_FAILURES) and not _is_tls_refusal(outcome)
    return retries.pause_s(tries, retry_after_s) if is_retried and tries <= retries.count else None


def _is_tls_refusal(error: Exception) -> bool:
    """Whether TLS does not trust the service, which waiting does not change."""
    cause = _system_error(error)
    # A server that is being restarted may close the connection amid the handshake: EOF.
    return isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError)


def _system_error(error: BaseException) -> OSError | None:
    """The operating system's or TLS' error below httpx2's, which may say less."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BaseExceptionGroup):  # one for each of the host's addresses
            cause = cause.exceptions[0]
        if isinstance(cause, OSError) and cause.errno is not None:
            return cause
        cause = cause.__cause__ or cause.__context__  # httpcore2's errors have the latter alone
    return None


def _to_error(outcome: httpx2.Response | Exception, url: str, timeout_s: float) -> FacedetectError:
    match outcome:
        case httpx2.Response():
            return parse_error(outcome)
        case TimeoutError() | httpx2.TimeoutException():  # the latter from the system's TCP
            return BackendTimeout(f"{url} did not answer within {timeout_s:.3g} s")
        case httpx2.ConnectError() | httpx2.ProxyError():
            reason = _system_error(outcome) or outcome
            return BackendUnavailable(f"{url} cannot be reached: {reason}")
        case httpx2.RemoteProtocolError() if str(outcome).startswith(_NO_RESPONSE):
            pass
        case httpx2.RemoteProtocolError() | httpx2.DecodingError():
            return BackendProtocolError(f"{url} sent no complete HTTP response: {outcome}")
    return BackendUnavailable(f"the connection to {url} broke: {outcome or type(outcome).__name__}")
