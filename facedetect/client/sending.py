"""Send a request with retries and a single deadline; raise the package's errors."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import httpx2

from facedetect.client.response_parsing import parse_error, url_of
from facedetect.client.retries import Retries, parse_retry_after
from facedetect.errors import (
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    FacedetectError,
)

Sleep = Callable[[float], Awaitable[object]]

_RETRIED_STATUSES = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
# Nothing was sent yet. Later failures may be caused by the image, and are not retried.
_RETRIED_FAILURES = (httpx2.ConnectError, httpx2.ProxyError)

# httpx2 has no class for a connection that is closed without a response.
_NO_RESPONSE = "Server disconnected"


async def send_with_retries(
    http: httpx2.AsyncClient,
    request: httpx2.Request,
    *,
    timeout_s: float,
    retries: Retries,
    sleep: Sleep,
) -> httpx2.Response:
    """Return the response with status 200. Raises FacedetectError's subclasses.

    Retries until the timeout, but never waits past it.
    """
    now = asyncio.get_running_loop().time
    deadline = now() + timeout_s
    tries = 0
    while True:
        outcome = await _try_once(http, request, deadline)
        if isinstance(outcome, httpx2.Response) and outcome.status_code == HTTPStatus.OK:
            return outcome
        tries += 1
        pause_s = _pause_s(outcome, tries, retries)
        if pause_s is None or now() + pause_s >= deadline:
            cause = outcome if isinstance(outcome, Exception) else None
            raise _to_error(outcome, url_of(request), timeout_s) from cause
        await sleep(pause_s)


async def _try_once(
    http: httpx2.AsyncClient, request: httpx2.Request, deadline: float
) -> httpx2.Response | httpx2.HTTPError | TimeoutError:
    try:
        async with asyncio.timeout_at(deadline):
            return await http.send(request)
    except (httpx2.HTTPError, TimeoutError) as error:
        return error


def _pause_s(outcome: httpx2.Response | Exception, tries: int, retries: Retries) -> float | None:
    """Return how long to wait before the next attempt; None for no further attempt."""
    retry_after_s = None
    if isinstance(outcome, httpx2.Response):
        is_retried = outcome.status_code in _RETRIED_STATUSES
        retry_after_s = parse_retry_after(outcome.headers.get("retry-after", ""))
    else:
        is_retried = isinstance(outcome, _RETRIED_FAILURES) and not is_tls_refusal(outcome)
    return retries.pause_s(tries, retry_after_s) if is_retried and tries <= retries.count else None


def is_tls_refusal(error: Exception) -> bool:
    """Return whether TLS rejects the service's certificate, which retrying cannot fix."""
    cause = _system_error(error)
    # A restarting server may close the connection during the handshake: EOF.
    return isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError)


def _system_error(error: BaseException) -> OSError | None:
    """Return the underlying error of the system or of TLS, which may say more than httpx2's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BaseExceptionGroup):  # one for each of the host's addresses
            cause = cause.exceptions[0]
        if isinstance(cause, OSError) and cause.errno is not None:
            return cause
        cause = cause.__cause__ or cause.__context__  # httpcore2's errors have only the latter
    return None


def _to_error(outcome: httpx2.Response | Exception, url: str, timeout_s: float) -> FacedetectError:
    match outcome:
        case httpx2.Response():
            return parse_error(outcome)
        case TimeoutError() | httpx2.TimeoutException():  # the latter from the system's TCP stack
            return BackendTimeout(f"{url} did not answer within {timeout_s:.3g} s")
        case httpx2.ConnectError() | httpx2.ProxyError():
            reason = _system_error(outcome) or outcome
            return BackendUnavailable(f"{url} cannot be reached: {reason}")
        case httpx2.RemoteProtocolError() if str(outcome).startswith(_NO_RESPONSE):
            pass
        case httpx2.RemoteProtocolError() | httpx2.DecodingError():
            return BackendProtocolError(f"{url} did not send a complete HTTP response: {outcome}")
    return BackendUnavailable(f"the connection to {url} broke: {outcome or type(outcome).__name__}")
