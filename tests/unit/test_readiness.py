"""Readiness: one backend call serves all callers for a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from facedetect.backends.fake import FakeBackend
from facedetect.errors import BackendUnavailable
from facedetect.model_ref import ModelRef
from facedetect.service.readiness import Readiness
from tests.fake import FAKE_MODEL
from tests.unit.timing import Clock


class Asked:
    """A backend's answer, counted."""

    def __init__(self, answer: Callable[[], ModelRef] = lambda: FAKE_MODEL) -> None:
        self.count = 0
        self.answer = answer

    def __call__(self) -> ModelRef:
        self.count += 1
        return self.answer()


def unavailable() -> ModelRef:
    raise BackendUnavailable("not yet")


def readiness_of(asked: Asked, clock: Clock) -> Readiness:
    return Readiness(FakeBackend(ready=asked), clock=clock)


def test_concurrent_callers_share_one_question() -> None:
    async def test() -> list[Any]:
        readiness = readiness_of(asked, Clock())
        return await asyncio.gather(*(readiness.check() for _ in range(60)))

    asked = Asked()
    assert asyncio.run(test()) == [FAKE_MODEL] * 60
    assert asked.count == 1


def test_an_answer_holds_for_a_second() -> None:
    async def test() -> None:
        clock = Clock()
        readiness = readiness_of(asked, clock)
        for advance, count in ((0, 1), (0.9, 1), (0.2, 2), (0.9, 2), (5, 3)):
            clock.advance(advance)
            assert await readiness.check() == FAKE_MODEL
            assert asked.count == count

    asked = Asked()
    asyncio.run(test())


def test_each_caller_gets_an_error_of_its_own() -> None:
    """An exception raised twice would collect the tracebacks of both."""

    async def test() -> list[Any]:
        readiness = readiness_of(asked, Clock())
        checks = (readiness.check() for _ in range(2))
        return await asyncio.gather(*checks, return_exceptions=True)

    asked = Asked(unavailable)
    one, other = asyncio.run(test())
    assert isinstance(one, BackendUnavailable)
    assert str(one) == str(other) == "not yet"
    assert one is not other
    assert asked.count == 1


def test_readiness_follows_the_backend() -> None:
    async def test() -> None:
        clock = Clock()
        readiness = readiness_of(asked, clock)
        with pytest.raises(BackendUnavailable):
            await readiness.check()
        asked.answer = lambda: FAKE_MODEL
        clock.advance(1.1)
        assert await readiness.check() == FAKE_MODEL

    asked = Asked(unavailable)
    asyncio.run(test())
