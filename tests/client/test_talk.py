"""The steps of a call, taken without a network and without waiting."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from facedetect.client.answers import Answer
from facedetect.client.calls import ready_call
from facedetect.client.retries import Retries, to_seconds
from facedetect.client.talk import Outcome, Pause, Send, Talk, Terms, await_ready, converse
from facedetect.errors import BackendTimeout, BackendUnavailable, FacedetectError, Overloaded
from facedetect.model_ref import ModelRef

URL = "http://service"
READY = Answer(URL, 200, {}, json.dumps({"model": {"name": "m", "version": 1}}).encode())
BUSY = Answer(URL, 429, {"retry-after": "20"}, b"busy")
NOT_READY = Answer(URL, 503, {}, b"not yet")


class Clock:
    """Stands still but for what a test lets pass."""

    def __init__(self) -> None:
        self.time_s = 1000.0

    def now(self) -> float:
        return self.time_s


def take(
    talk: Talk[ModelRef], clock: Clock, outcomes: list[Outcome], *, send_s: float = 0.0
) -> tuple[ModelRef | FacedetectError, list[Send | Pause]]:
    """Take all steps; each sending lasts `send_s`. Returns what came of it, and the steps."""
    steps: list[Send | Pause] = []
    outcome: Outcome | None = None
    try:
        while True:
            step = talk.send(outcome)
            steps.append(step)
            clock.time_s += step.seconds if isinstance(step, Pause) else send_s
            outcome = None if isinstance(step, Pause) else outcomes.pop(0)
    except StopIteration as end:
        found: ModelRef = end.value
        return found, steps
    except FacedetectError as error:
        return error, steps


def terms(clock: Clock, **retries: float) -> Terms:
    return Terms(URL, 60.0, Retries(draw=lambda: 1.0, **retries), clock.now)  # type: ignore[arg-type]


def test_time_that_has_passed_is_taken_from_the_next_try() -> None:
    clock = Clock()
    found, steps = take(converse(ready_call(), terms(clock)), clock, [BUSY, READY], send_s=5)
    assert found == ModelRef("m", 1)
    first, pause, second = steps
    assert first == Send(ready_call().request, f"{URL}/readyz", 60)
    assert pause == Pause(20.25)
    assert isinstance(second, Send)
    assert second.timeout_s == pytest.approx(60 - 5 - 20.25)


def test_tries_end_where_the_next_pause_would_outlast_the_timeout() -> None:
    clock = Clock()
    error, steps = take(converse(ready_call(), terms(clock)), clock, [BUSY] * 5)
    assert isinstance(error, Overloaded)
    assert error.retry_after_s == 20
    assert [type(step) for step in steps] == [Send, Pause, Send, Pause, Send]
    assert clock.time_s - 1000 <= 60


def test_pauses_double_up_to_the_longest() -> None:
    clock = Clock()
    refused: list[Outcome] = [httpx2.ConnectError("refused")] * 7
    limits = terms(clock, count=6, first_pause_s=1, longest_pause_s=4)
    error, steps = take(converse(ready_call(), limits), clock, refused)
    assert isinstance(error, BackendUnavailable)
    assert [step.seconds for step in steps if isinstance(step, Pause)] == [1, 2, 4, 4, 4, 4]


def test_pauses_are_drawn_anew() -> None:
    pauses = {Retries(first_pause_s=8).pause_s(1, None) for _ in range(20)}
    assert len(pauses) > 10
    assert 0 <= min(pauses) <= max(pauses) <= 8


@pytest.mark.parametrize(
    "outcome", [TimeoutError(), httpx2.ReadTimeout(""), httpx2.ReadError(""), httpx2.WriteError("")]
)
def test_what_may_have_been_sent_is_not_sent_again(outcome: Outcome) -> None:
    clock = Clock()
    error, steps = take(converse(ready_call(), terms(clock)), clock, [outcome])
    assert isinstance(error, BackendTimeout | BackendUnavailable)
    assert error.__cause__ is outcome
    assert len(steps) == 1


def failed_tls(reason: ssl.SSLError) -> httpx2.ConnectError:
    failure = httpx2.ConnectError(str(reason))
    failure.__cause__ = OSError()
    failure.__cause__.__context__ = reason
    return failure


def test_distrust_is_told_at_once() -> None:
    clock, failure = Clock(), failed_tls(ssl.SSLCertVerificationError("no such authority"))
    for talk in (converse(ready_call(), terms(clock)), await_ready(terms(clock))):
        error, steps = take(talk, clock, [failure])
        assert isinstance(error, BackendUnavailable)
        assert len(steps) == 1


def test_a_server_that_ends_amid_the_handshake_is_asked_again() -> None:
    clock, failure = Clock(), failed_tls(ssl.SSLEOFError("EOF"))
    found, _ = take(converse(ready_call(), terms(clock)), clock, [failure, READY])
    assert found == ModelRef("m", 1)


def test_waiting_for_readiness_does_not_outlast_its_time() -> None:
    clock = Clock()
    error, steps = take(await_ready(terms(clock)), clock, [NOT_READY] * 100, send_s=1)
    assert isinstance(error, BackendUnavailable)
    assert clock.time_s - 1000 <= 60 + 1
    last = [step for step in steps if isinstance(step, Send)][-1]
    assert 0 < last.timeout_s < 2


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
    assert to_seconds(header) == seconds


def test_retry_after_as_a_date() -> None:
    def date(seconds: float) -> str:
        return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)

    assert to_seconds(date(60)) == pytest.approx(59, abs=2)
    assert to_seconds(date(60).replace("GMT", "-0000")) == pytest.approx(59, abs=2)
    assert to_seconds(date(-60)) == 0


def test_importing_the_client_loads_nothing_that_it_does_not_need() -> None:
    code = "import facedetect, sys; facedetect.Client, facedetect.AsyncClient; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert "httpx2" in loaded
    assert not loaded & {
        "tensorflow",
        "grpc",
        "google",
        "fastapi",
        "pydantic",
        "cv2",
        "numpy",
        "PIL",
    }
