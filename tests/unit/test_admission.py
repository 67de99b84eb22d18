"""Who may begin, who waits, who is told to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from facedetect import DetectionParams
from facedetect.errors import Overloaded
from facedetect.images import ImageHeader, ImageLimits
from facedetect.service.admission import AdmissionQueue, CostModel, ImageCost, QueueEntry

LIGHT = ImageCost(slots=1, cost=1e6)


def admission(slots: int = 2, max_queued: int = 10, queue_timeout_s: float = 5) -> AdmissionQueue:
    return AdmissionQueue(slots=slots, max_queued=max_queued, queue_timeout_s=queue_timeout_s)


class Clients:
    """Clients that want to be let in: in what order they were, and what the others were told."""

    def __init__(self, door: AdmissionQueue) -> None:
        self.order: list[str] = []
        self.errors: dict[str, Exception] = {}
        self._door = door
        self._gone: dict[str, asyncio.Future[None]] = {}
        self._tickets: dict[str, QueueEntry] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def come(self, name: str, work: ImageCost = LIGHT) -> None:
        self._gone[name] = asyncio.Future()
        self._tasks.add(asyncio.create_task(self._enter(name, work)))
        await settle()

    async def _enter(self, name: str, work: ImageCost) -> None:
        try:
            self._tickets[name] = await self._door.enter(work, self._gone[name])
        except (Overloaded, ClientDisconnect) as error:
            self.errors[name] = error
        else:
            self.order.append(name)

    async def leave(self, name: str, *, is_done: bool = True) -> None:
        self._door.leave(self._tickets.pop(name), is_done=is_done)
        await settle()

    async def go_away(self, name: str) -> None:
        self._gone[name].set_result(None)
        await settle()

    def overload(self, name: str) -> Overloaded:
        """What this client was told."""
        error = self.errors[name]
        assert isinstance(error, Overloaded)
        return error


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 20))


def test_as_many_begin_as_there_are_slots_and_the_others_in_their_order() -> None:
    async def test() -> None:
        door = admission(slots=2)
        clients = Clients(door)
        for name in "abcd":
            await clients.come(name)
        assert clients.order == ["a", "b"]
        assert (door.running, door.queued) == (2, 2)
        await clients.leave("b")
        assert clients.order == ["a", "b", "c"]
        await clients.leave("a")
        assert clients.order == ["a", "b", "c", "d"]
        await clients.leave("c")
        await clients.leave("d")
        assert (door.running, door.queued) == (0, 0)

    run(test())


def test_a_heavy_image_waits_for_all_slots_and_is_not_overtaken() -> None:
    async def test() -> None:
        clients = Clients(admission(slots=2))
        await clients.come("light")
        await clients.come("heavy", ImageCost(slots=2, cost=1e7))
        await clients.come("late")
        assert clients.order == ["light"]
        await clients.leave("light")
        assert clients.order == ["light", "heavy"]
        await clients.leave("heavy")
        assert clients.order == ["light", "heavy", "late"]

    run(test())


def test_a_full_queue_turns_away_at_once() -> None:
    async def test() -> None:
        door = admission(slots=1, max_queued=1)
        clients = Clients(door)
        for name in "abc":
            await clients.come(name)
        error = clients.overload("c")
        assert error.reason == "queue_full"
        assert "1 images are waiting already; come again in" in str(error)
        await clients.leave("a")
        await clients.come("d")
        assert door.queued == 1

    run(test())


def test_nobody_queues_where_no_queue_is_allowed() -> None:
    async def test() -> None:
        clients = Clients(admission(slots=1, max_queued=0))
        await clients.come("a")
        await clients.come("b")
        assert clients.overload("b").reason == "queue_full"

    run(test())


def test_a_client_that_goes_away_leaves_the_queue_before_its_turn() -> None:
    async def test() -> None:
        door = admission(slots=1)
        clients = Clients(door)
        for name in "abc":
            await clients.come(name)
        await clients.go_away("b")
        assert isinstance(clients.errors["b"], ClientDisconnect)
        assert door.queued == 1
        await clients.leave("a")
        assert clients.order == ["a", "c"]

    run(test())


def test_a_turn_that_does_not_come_in_time_is_told() -> None:
    async def test() -> None:
        door = admission(slots=1, queue_timeout_s=0.05)
        clients = Clients(door)
        await clients.come("a")
        await clients.come("b")
        await asyncio.sleep(0.1)
        error = clients.overload("b")
        assert error.reason == "queue_timeout"
        assert error.retry_after_s >= 1
        assert door.queued == 0

    run(test())


def test_the_wait_is_predicted_from_the_last_images() -> None:
    async def test() -> None:
        door = admission(slots=1, queue_timeout_s=1)
        clients = Clients(door)
        await clients.come("first")
        await asyncio.sleep(0.2)
        await clients.leave("first")
        assert door.expected_wait_s() == 0  # a slot is free
        for name in "abcd":
            await clients.come(name)
        assert door.expected_wait_s() == pytest.approx(0.8, rel=0.2)
        await clients.come("e")
        await clients.come("late")
        error = clients.overload("late")
        assert "an image would have to wait" in str(error)
        assert error.retry_after_s == pytest.approx(1.5, abs=0.5)

    run(test())


def test_images_that_break_tell_nothing_of_the_wait() -> None:
    async def test() -> None:
        door = admission(slots=1)
        clients = Clients(door)
        await clients.come("first")
        await asyncio.sleep(0.2)
        await clients.leave("first")
        for number in range(40):
            await clients.come(f"broken {number}", ImageCost(slots=1, cost=1e9))
            await clients.leave(f"broken {number}", is_done=False)
        await clients.come("a")
        assert door.expected_wait_s() == pytest.approx(0.2, rel=0.2)

    run(test())


def test_who_comes_again_when_told_is_let_in() -> None:
    async def test() -> None:
        door = admission(slots=1, max_queued=1)
        clients = Clients(door)
        await clients.come("first")
        await asyncio.sleep(0.3)
        await clients.leave("first")
        for name in "abc":
            await clients.come(name)
        error = clients.overload("c")
        for name in "ab":
            await asyncio.sleep(error.retry_after_s / 2)
            await clients.leave(name)
        await clients.come("c")
        assert clients.order[-1] == "c"

    run(test())


@given(
    events=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from(["leave", "go", "stay"])), max_size=25
    )
)
def test_slots_are_never_lost_nor_given_twice(events: list[tuple[int, str]]) -> None:
    async def test() -> None:
        door = admission(slots=4, max_queued=5)
        clients = Clients(door)
        for number, (slots, event) in enumerate(events):
            await clients.come(str(number), ImageCost(slots, cost=slots * 1e5))
            if event == "leave" and clients.order:
                await clients.leave(clients.order.pop(0))
            if event == "go":
                await clients.go_away(str(number))
            assert door.queued <= 5
        while clients.order:
            await clients.leave(clients.order.pop(0))
        assert (door.running, door.queued) == (0, 0)
        await clients.come("all", ImageCost(slots=4, cost=1))
        assert clients.order == ["all"]

    run(test())


def test_it_is_known_beforehand_who_must_wait() -> None:
    async def test() -> None:
        door = admission(slots=4)
        clients = Clients(door)
        heavy = ImageCost(slots=4, cost=1e6)
        assert not door.must_wait(heavy)
        await clients.come("first")
        assert not door.must_wait(LIGHT)
        assert door.must_wait(heavy)
        await clients.come("heavy", heavy)
        assert door.must_wait(LIGHT)
        await clients.leave("first")
        await clients.leave("heavy")
        assert not door.must_wait(heavy)

    run(test())


def test_an_image_at_a_limit_takes_all_slots() -> None:
    scale = CostModel(ImageLimits(max_pixels=1_000_000), max_pyramid_pixels=1e6, slots=4)
    params = DetectionParams(min_size=24)
    small = scale.weigh(ImageHeader(100, 100, "JPEG"), params)
    many_pixels = scale.weigh(ImageHeader(1000, 1000, "JPEG"), DetectionParams(min_size=500))
    much_work = scale.weigh(ImageHeader(700, 700, "JPEG"), DetectionParams(min_size=12))
    assert small.slots == 1
    assert many_pixels.slots == 4
    assert much_work.slots == 4
    assert small.cost < many_pixels.cost < much_work.cost
