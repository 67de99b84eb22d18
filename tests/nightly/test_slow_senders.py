"""Five hundred clients send a byte per second, and a normal one gets its faces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.servers import gateway, wait_for
from benchmarks.slow_clients import BODY, HEAD, STILL_OPEN, Measured, measure
from tests.conftest import ASTRONAUT

SENDERS = 500
TIMEOUT_S = 3.0


@pytest.fixture(scope="module")
def measured() -> Iterator[Measured]:
    with gateway(env={"FACEDETECT_STALL_TIMEOUT_S": str(TIMEOUT_S)}) as service:
        wait_for(service.client, "/readyz", service.process)
        # The normal client's time is over before the first of them is ended.
        yield measure(service, ASTRONAUT.read_bytes(), SENDERS, TIMEOUT_S - 0.5, 3 * TIMEOUT_S)
        assert service.client.get("/healthz").status_code == 200


def test_a_normal_client_is_served_beside_them(measured: Measured) -> None:
    assert set(measured.beside.statuses) == {200}
    assert measured.beside.statuses[200] > 5
    assert measured.beside.longest_ms < 1000 * TIMEOUT_S


def test_they_are_there_while_it_is(measured: Measured) -> None:
    assert min(ending.after_s for ending in measured.endings) > TIMEOUT_S - 0.5


@pytest.mark.parametrize("unfinished", [HEAD, BODY])
def test_all_of_them_are_ended(measured: Measured, unfinished: str) -> None:
    endings = [ending for ending in measured.endings if ending.unfinished == unfinished]
    assert len(endings) == SENDERS / 2
    assert STILL_OPEN not in {ending.how for ending in endings}


def test_a_body_that_came_too_slowly_is_told(measured: Measured) -> None:
    assert {ending.how for ending in measured.endings if ending.unfinished == BODY} == {"408"}


def test_they_take_little_memory(measured: Measured) -> None:
    before_mb, most_mb = measured.memory_mb
    assert most_mb - before_mb < 100
