"""A call to the service as steps: send this, wait so long; whoever takes them does the work.

Generators that do no input or output, so that the clients with and without asyncio share them, and
tests need no clock. Sending is answered with an `Outcome`, a pause with None.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TypeVar

import httpx2

from facedetect.client.answers import Answer, to_error
from facedetect.client.calls import Call, Request, ready_call
from facedetect.client.connection import check_base_url, check_timeout_s
from facedetect.client.retries import Retries
from facedetect.errors import (
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    FacedetectError,
)
from facedetect.model_ref import ModelRef

T = TypeVar("T")

_BETWEEN_READINESS_S = 0.25
_RETRIED_STATUSES = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
# Before anything was sent. What breaks later may be the image's doing, and is not repeated.
_RETRIED_FAILURES = (httpx2.ConnectError, httpx2.ProxyError)

# httpx2 has no class of its own for a connection closed in place of an answer.
_NO_ANSWER = "Server disconnected"

_NO_RETRIES = Retries(count=0)


@dataclass(frozen=True)
class Send:
    """Send a request; its whole answer must be there in `timeout_s`."""

    request: Request
    url: str
    timeout_s: float


@dataclass(frozen=True)
class Pause:
    """Do nothing for a while."""

    seconds: float


Outcome = Answer | httpx2.HTTPError | TimeoutError
Talk = Generator[Send | Pause, Outcome | None, T]


@dataclass(frozen=True)
class Terms:
    """Whom a client asks, how long a call may take, retries included, and when to ask again.

    Raises InvalidSettings for a URL or a time-out that cannot be right.
    """

    base_url: str
    timeout_s: float
    retries: Retries
    now: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        check_base_url(self.base_url)
        check_timeout_s(self.timeout_s)


def converse(call: Call[T], terms: Terms) -> Talk[T]:
    """Ask, again if need be, until there is an answer or an error that repeating does not cure.

    Raises FacedetectError's subclasses, ends before the time-out, and does not begin a pause that
    would outlast it.
    """
    deadline = terms.now() + terms.timeout_s
    url = terms.base_url + call.request.path
    tries = 0
    while True:
        outcome = yield Send(call.request, url, deadline - terms.now())
        assert outcome is not None, "a Send is answered with what came of it"  # noqa: S101
        if isinstance(outcome, Answer) and outcome.status == HTTPStatus.OK:
            return call.read(outcome)
        tries += 1
        pause_s = _pause_s(outcome, tries, terms.retries)
        if pause_s is None or terms.now() + pause_s >= deadline:
            cause = None if isinstance(outcome, Answer) else outcome
            raise _to_error(outcome, url, terms.timeout_s) from cause
        yield Pause(pause_s)


def check_ready(terms: Terms) -> Talk[ModelRef]:
    """Ask once whether the model would answer: not being ready is an answer, too."""
    return converse(ready_call(), replace(terms, retries=_NO_RETRIES))


def await_ready(terms: Terms) -> Talk[ModelRef]:
    """Ask until the model would answer; at the time-out raises the BackendError in its way."""
    deadline = terms.now() + terms.timeout_s
    while True:
        try:
            return (yield from check_ready(terms))
        except BackendError as error:
            if _is_distrust(error):
                raise
            left_s = deadline - terms.now() - _BETWEEN_READINESS_S
            if left_s <= 0:
                raise
        yield Pause(_BETWEEN_READINESS_S)
        terms = replace(terms, timeout_s=left_s)


def _pause_s(outcome: Outcome, tries: int, retries: Retries) -> float | None:
    """How long to wait before the next try; None if there is to be none."""
    if tries > retries.count:
        return None
    if isinstance(outcome, Answer):
        is_retried = outcome.status in _RETRIED_STATUSES
        return retries.pause_s(tries, outcome.retry_after_s) if is_retried else None
    is_retried = isinstance(outcome, _RETRIED_FAILURES) and not _is_distrust(outcome)
    return retries.pause_s(tries, None) if is_retried else None


def _is_distrust(error: BaseException) -> bool:
    """Whether TLS refused who is there, which waiting does not cure."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__  # httpcore2's errors have the latter alone
    # Ended amid the handshake: a server that is being restarted does so.
    return cause is not None and not isinstance(cause, ssl.SSLEOFError)


def _to_error(outcome: Outcome, url: str, timeout_s: float) -> FacedetectError:
    match outcome:
        case Answer():
            return to_error(outcome)
        case TimeoutError() | httpx2.TimeoutException():
            return BackendTimeout(f"{url} did not answer within {timeout_s:.3g} s")
        case httpx2.ConnectError() | httpx2.ProxyError():
            return BackendUnavailable(f"{url} cannot be reached: {outcome}")
        case httpx2.RemoteProtocolError() if str(outcome).startswith(_NO_ANSWER):
            pass
        case httpx2.RemoteProtocolError() | httpx2.DecodingError():
            return BackendProtocolError(f"{url} did not answer whole and in HTTP: {outcome}")
    return BackendUnavailable(f"the connection to {url} broke: {outcome or type(outcome).__name__}")
