"""Deadlines and retries to the second: no network, and a clock that only moves on waits."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from facedetect.client import AsyncClient
from facedetect.client.retries import Retries, parse_retry_after
from facedetect.errors import BackendTimeout, BackendUnavailable, FacedetectError, Overloaded
from facedetect.model_ref import ModelRef
from tests.virtual_time import VirtualTimeLoop

MODEL = ModelRef("m", 1)
READY = httpx2.Response(
    200, content=json.dumps({"facedetect": "1.0", "model": {"name": "m", "version": 1}})
)
BUSY = httpx2.Response(429, headers={"Retry-After": "20"}, content=b"busy")
NOT_READY = httpx2.Response(503, content=b"not yet")
SILENCE = None

Outcome = httpx2.Response | Exception | None
Respond = Callable[[httpx2.Request], Coroutine[Any, Any, httpx2.Response]]
Call = Callable[[AsyncClient], Coroutine[Any, Any, ModelRef | None]]


class UnconnectedClient(AsyncClient):
    """A transport that calls a function instead of a service."""

    def __init__(self, respond: Respond, retries: Retries) -> None:
        super().__init__("http://service", timeout_s=60.0, retries=retries)
        transport = httpx2.MockTransport(respond)
        self._http = httpx2.AsyncClient(base_url="http://service", transport=transport)


@dataclass(frozen=True)
class Ended:
    """A call's outcome, when it ended, and when each attempt started."""

    result: ModelRef | FacedetectError | None
    time_s: float
    tries_s: list[float]


async def get_model(client: AsyncClient) -> ModelRef | None:
    return (await client.version()).model


async def wait_until_ready(client: AsyncClient) -> ModelRef | None:
    return await client.wait_until_ready(60.0)


def run(*outcomes: Outcome, call: Call = get_model, send_s: float = 0.0, **retries: float) -> Ended:
    """Make a call with a timeout of 60 s; each attempt lasts `send_s`, with the next outcome."""
    tries_s: list[float] = []
    left = list(outcomes)

    async def respond(_: httpx2.Request) -> httpx2.Response:
        tries_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(send_s)
        outcome = left.pop(0)
        if outcome is SILENCE:
            await asyncio.sleep(1e6)
        if isinstance(outcome, Exception):
            raise outcome
        assert outcome is not None
        return outcome

    async def make_call() -> tuple[ModelRef | FacedetectError | None, float]:
        policy = Retries(draw=lambda: 1.0, **retries)  # type: ignore[arg-type]
        async with UnconnectedClient(respond, policy) as client:
            try:
                result: ModelRef | FacedetectError | None = await call(client)
            except FacedetectError as error:
                result = error
        return result, asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        result, time_s = runner.run(make_call())
    return Ended(result, time_s, tries_s)


def test_a_retry_gets_what_is_left_of_the_timeout() -> None:
    ended = run(BUSY, READY, send_s=5)
    assert ended.result == MODEL
    assert ended.tries_s == [0, 5 + 20.25]
    ended = run(BUSY, SILENCE, send_s=5)
    assert isinstance(ended.result, BackendTimeout)
    assert ended.time_s == pytest.approx(60)


def test_waiting_for_an_answer_gets_what_the_upload_left() -> None:
    ended = run(SILENCE, send_s=40)
    assert isinstance(ended.result, BackendTimeout)
    assert ended.time_s == pytest.approx(60)


def test_tries_end_where_the_next_pause_would_outlast_the_timeout() -> None:
    ended = run(*[BUSY] * 5)
    assert isinstance(ended.result, Overloaded)
    assert ended.result.retry_after_s == 20
    assert len(ended.tries_s) == 3
    assert ended.time_s <= 60


def test_pauses_double_up_to_the_longest() -> None:
    refused = [httpx2.ConnectError("refused")] * 7
    ended = run(*refused, count=6, first_pause_s=1, longest_pause_s=4)
    assert isinstance(ended.result, BackendUnavailable)
    assert [later - earlier for earlier, later in pairwise(ended.tries_s)] == [1, 2, 4, 4, 4, 4]


def test_pauses_are_drawn_anew() -> None:
    pauses = {Retries(first_pause_s=8).pause_s(1, None) for _ in range(20)}
    assert len(pauses) > 10
    assert 0 <= min(pauses) <= max(pauses) <= 8


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (TimeoutError(), BackendTimeout),
        (httpx2.ReadTimeout(""), BackendTimeout),
        (httpx2.ReadError(""), BackendUnavailable),
        (httpx2.WriteError(""), BackendUnavailable),
    ],
)
def test_what_may_have_been_sent_is_not_sent_again(
    outcome: Exception, error: type[FacedetectError]
) -> None:
    ended = run(outcome)
    assert type(ended.result) is error
    assert ended.result.__cause__ is outcome
    assert len(ended.tries_s) == 1


def failed_tls(reason: ssl.SSLError) -> httpx2.ConnectError:
    failure = httpx2.ConnectError(str(reason))
    failure.__cause__ = OSError()
    failure.__cause__.__context__ = reason
    return failure


@pytest.mark.parametrize("call", [get_model, wait_until_ready])
def test_an_untrusted_certificate_is_not_retried(call: Call) -> None:
    ended = run(failed_tls(ssl.SSLCertVerificationError(1, "no such authority")), call=call)
    assert isinstance(ended.result, BackendUnavailable)
    assert "no such authority" in str(ended.result)
    assert len(ended.tries_s) == 1


def test_a_server_that_closes_amid_the_handshake_is_retried() -> None:
    assert run(failed_tls(ssl.SSLEOFError(8, "EOF")), READY).result == MODEL


def test_the_reason_of_a_host_with_several_addresses_is_told() -> None:
    refused = [ConnectionRefusedError(111, f"Connect call failed {number}") for number in (1, 2)]
    failure = httpx2.ConnectError("All connection attempts failed")
    failure.__cause__ = ExceptionGroup("multiple connection attempts failed", refused)
    ended = run(failure, count=0)
    assert "http://service/version cannot be reached: [Errno 111] Connect call failed 1" in str(
        ended.result
    )


def test_waiting_for_readiness_does_not_outlast_its_time() -> None:
    ended = run(*[NOT_READY] * 100, call=wait_until_ready, send_s=1)
    assert isinstance(ended.result, BackendUnavailable)
    assert ended.time_s <= 60
    assert ended.tries_s[-1] > 58
    ended = run(NOT_READY, SILENCE, call=wait_until_ready)
    assert isinstance(ended.result, BackendTimeout)
    assert ended.time_s == pytest.approx(60)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("٣", None),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    assert parse_retry_after(header) == seconds


def test_retry_after_as_a_date() -> None:
    now = datetime(2026, 7, 1, 12, 0, 0, 500_000, tzinfo=UTC)

    def date(seconds: float) -> str:
        return format_datetime(now + timedelta(seconds=seconds), usegmt=True)

    assert parse_retry_after(date(60), now) == 59.5  # a date has whole seconds
    assert parse_retry_after(date(60).replace("GMT", "-0000"), now) == 59.5
    assert parse_retry_after(date(-60), now) == 0
