"""Both clients with services that answer 429 or 503."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from facedetect.client import Retries
from facedetect.errors import InvalidSettings, Overloaded, RateLimited
from tests.client.replies import BUSY, GOOD, HALF_DRAW, PHOTO, problem
from tests.client.servers import Reply, scripted
from tests.client.waiting import OpenClient, Sleeper


def test_a_busy_service_is_asked_again(open_client: OpenClient) -> None:
    sleeper = Sleeper()
    with scripted(BUSY, problem(503, "backend-unavailable"), BUSY, GOOD) as script:
        assert open_client(script.url, sleeper, retries=HALF_DRAW).detect(PHOTO).width == 9
    assert [seen.body for seen in script.seen] == [PHOTO] * 4
    assert sleeper.slept == [0.5, 1, 2]


def test_a_file_that_cannot_be_rewound_is_sent_again_whole(open_client: OpenClient) -> None:
    with scripted(BUSY, GOOD) as script:
        reading, writing = os.pipe()
        os.write(writing, PHOTO)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            open_client(script.url, Sleeper()).detect(pipe)
    assert [seen.body for seen in script.seen] == [PHOTO, PHOTO]


def test_retry_after_in_seconds_is_kept(open_client: OpenClient) -> None:
    sleeper = Sleeper()
    busy = problem(429, "rate-limited", **{"Retry-After": "3"})
    with scripted(busy, busy, GOOD) as script:
        open_client(script.url, sleeper, retries=HALF_DRAW).detect(PHOTO)
    assert sleeper.slept == [3.5, 4]


def test_retry_after_as_a_date_is_kept(open_client: OpenClient) -> None:
    sleeper = Sleeper()
    date = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
    with scripted(Reply(503, b"<html>", {"Retry-After": date}), GOOD) as script:
        open_client(script.url, sleeper, timeout_s=1e6, retries=HALF_DRAW).detect(PHOTO)
    (slept_s,) = sleeper.slept
    assert 12 * 3600 < slept_s <= 24 * 3600 + 0.5


def test_no_pause_is_begun_that_would_outlast_the_timeout(open_client: OpenClient) -> None:
    sleeper = Sleeper()
    with scripted(problem(429, "rate-limited", **{"Retry-After": "90"})) as script:
        with pytest.raises(RateLimited, match="it is rate-limited") as caught:
            open_client(script.url, sleeper).detect(PHOTO)
        assert caught.value.retry_after_s == 90
        assert len(script.seen) == 1
    assert sleeper.slept == []


def test_the_last_try_tells_its_error(open_client: OpenClient) -> None:
    with scripted(BUSY) as script:
        with pytest.raises(Overloaded):
            open_client(script.url, Sleeper(), retries=Retries(count=2)).detect(PHOTO)
        assert len(script.seen) == 3


def test_retries_that_cannot_be_waited_for() -> None:
    for wrong in ({"count": -1}, {"first_pause_s": -1.0}, {"longest_pause_s": 0.1}):
        with pytest.raises(InvalidSettings, match="retries: count is"):
            Retries(**wrong)
