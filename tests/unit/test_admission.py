"""Which images are admitted, which wait and which are rejected."""

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
from tests.unit.timing import Clock
from tests.virtual_time import VirtualTimeLoop

LIGHT = ImageCost(slots=1, work=1e6)


def make_queue(
    slots: int = 2, max_queued: int = 10, queue_timeout_s: float = 5, clock: Clock | None = None
) -> AdmissionQueue:
    return AdmissionQueue(
        slots=slots,
        max_queued=max_queued,
        queue_timeout_s=queue_timeout_s,
        clock=clock or Clock(),
    )


class Clients:
    """Clients of a queue: the order in which they were admitted, and the others' errors."""

    def __init__(self, queue: AdmissionQueue) -> None:
        self.order: list[str] = []
        self.errors: dict[str, Exception] = {}
        self._queue = queue
        self._disconnected: dict[str, asyncio.Future[None]] = {}
        self._entries: dict[str, QueueEntry] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def arrive(self, name: str, cost: ImageCost = LIGHT) -> None:
        self._disconnected[name] = asyncio.Future()
        self._tasks.add(asyncio.create_task(self._acquire(name, cost)))
        await settle()

    async def _acquire(self, name: str, cost: ImageCost) -> None:
        try:
            self._entries[name] = await self._queue.acquire(cost, self._disconnected[name])
        except (Overloaded, ClientDisconnect) as error:
            self.errors[name] = error
        else:
            self.order.append(name)

    async def finish(self, name: str, *, is_completed: bool = True) -> None:
        self._queue.release(self._entries.pop(name), is_completed=is_completed)
        await settle()

    async def disconnect(self, name: str) -> None:
        self._disconnected[name].set_result(None)
        await settle()

    def overload(self, name: str) -> Overloaded:
        """The error of this client."""
        error = self.errors[name]
        assert isinstance(error, Overloaded)
        return error


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(test)


def test_as_many_begin_as_there_are_slots_and_the_others_in_their_order() -> None:
    async def test() -> None:
        queue = make_queue(slots=2)
        clients = Clients(queue)
        for name in "abcd":
            await clients.arrive(name)
        assert clients.order == ["a", "b"]
        assert (queue.running, queue.queued) == (2, 2)
        await clients.finish("b")
        assert clients.order == ["a", "b", "c"]
        await clients.finish("a")
        assert clients.order == ["a", "b", "c", "d"]
        await clients.finish("c")
        await clients.finish("d")
        assert (queue.running, queue.queued) == (0, 0)

    run(test())


def test_a_heavy_image_waits_for_all_slots_and_is_not_overtaken() -> None:
    async def test() -> None:
        clients = Clients(make_queue(slots=2))
        await clients.arrive("light")
        await clients.arrive("heavy", ImageCost(slots=2, work=1e7))
        await clients.arrive("late")
        assert clients.order == ["light"]
        await clients.finish("light")
        assert clients.order == ["light", "heavy"]
        await clients.finish("heavy")
        assert clients.order == ["light", "heavy", "late"]

    run(test())


def test_a_full_queue_rejects_at_once() -> None:
    async def test() -> None:
        queue = make_queue(slots=1, max_queued=1)
        clients = Clients(queue)
        for name in "abc":
            await clients.arrive(name)
        error = clients.overload("c")
        assert error.reason == "queue_full"
        assert "1 image is already waiting; retry in" in str(error)
        await clients.finish("a")
        await clients.arrive("d")
        assert queue.queued == 1

    run(test())


def test_nobody_queues_where_no_queue_is_allowed() -> None:
    async def test() -> None:
        clients = Clients(make_queue(slots=1, max_queued=0))
        await clients.arrive("a")
        await clients.arrive("b")
        assert clients.overload("b").reason == "queue_full"

    run(test())


def test_a_client_that_disconnects_leaves_the_queue() -> None:
    async def test() -> None:
        queue = make_queue(slots=1)
        clients = Clients(queue)
        for name in "abc":
            await clients.arrive(name)
        await clients.disconnect("b")
        assert isinstance(clients.errors["b"], ClientDisconnect)
        assert queue.queued == 1
        await clients.finish("a")
        assert clients.order == ["a", "c"]

    run(test())


def test_an_image_that_waits_too_long_is_rejected() -> None:
    async def test() -> None:
        queue = make_queue(slots=1, queue_timeout_s=4)
        clients = Clients(queue)
        await clients.arrive("a")
        await clients.arrive("b")
        await asyncio.sleep(3.9)
        assert not clients.errors
        await asyncio.sleep(0.2)
        error = clients.overload("b")
        assert error.reason == "queue_timeout"
        assert error.retry_after_s >= 1
        assert queue.queued == 0

    run(test())


def test_the_wait_is_predicted_from_the_last_images() -> None:
    async def test() -> None:
        clock = Clock()
        queue = make_queue(slots=1, queue_timeout_s=1.1, clock=clock)
        clients = Clients(queue)
        await clients.arrive("first")
        clock.advance(0.25)
        await clients.finish("first")
        assert queue.expected_wait_s() == 0  # a slot is free
        for name in "abcd":
            await clients.arrive(name)
        assert queue.expected_wait_s() == pytest.approx(1.0)
        await clients.arrive("e")
        await clients.arrive("late")
        error = clients.overload("late")
        assert "the image would wait about 1.2 s, longer than the 1.1 s allowed" in str(error)
        assert error.retry_after_s == 2

    run(test())


def test_failed_images_do_not_count_towards_the_prediction() -> None:
    async def test() -> None:
        clock = Clock()
        queue = make_queue(slots=1, clock=clock)
        clients = Clients(queue)
        await clients.arrive("first")
        clock.advance(0.2)
        await clients.finish("first")
        for number in range(40):
            await clients.arrive(f"broken {number}", ImageCost(slots=1, work=1e9))
            await clients.finish(f"broken {number}", is_completed=False)
        await clients.arrive("a")
        assert queue.expected_wait_s() == pytest.approx(0.2)

    run(test())


def test_a_client_that_retries_when_told_is_admitted() -> None:
    async def test() -> None:
        clock = Clock()
        queue = make_queue(slots=1, max_queued=1, clock=clock)
        clients = Clients(queue)
        await clients.arrive("first")
        clock.advance(0.3)
        await clients.finish("first")
        for name in "abc":
            await clients.arrive(name)
        error = clients.overload("c")
        for name in "ab":
            clock.advance(error.retry_after_s / 2)
            await clients.finish(name)
        await clients.arrive("c")
        assert clients.order[-1] == "c"

    run(test())


@given(
    events=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from(["leave", "go", "stay"])), max_size=25
    )
)
def test_slots_are_never_lost_nor_given_twice(events: list[tuple[int, str]]) -> None:
    async def test() -> None:
        queue = make_queue(slots=4, max_queued=5)
        clients = Clients(queue)
        for number, (slots, event) in enumerate(events):
            await clients.arrive(str(number), ImageCost(slots, work=slots * 1e5))
            if event == "leave" and clients.order:
                await clients.finish(clients.order.pop(0))
            if event == "go":
                await clients.disconnect(str(number))
            assert queue.queued <= 5
        while clients.order:
            await clients.finish(clients.order.pop(0))
        assert (queue.running, queue.queued) == (0, 0)
        await clients.arrive("all", ImageCost(slots=4, work=1))
        assert clients.order == ["all"]

    run(test())


def test_it_is_known_in_advance_which_image_must_wait() -> None:
    async def test() -> None:
        queue = make_queue(slots=4)
        clients = Clients(queue)
        heavy = ImageCost(slots=4, work=1e6)
        assert not queue.must_wait(heavy)
        await clients.arrive("first")
        assert not queue.must_wait(LIGHT)
        assert queue.must_wait(heavy)
        await clients.arrive("heavy", heavy)
        assert queue.must_wait(LIGHT)
        await clients.finish("first")
        await clients.finish("heavy")
        assert not queue.must_wait(heavy)

    run(test())


def test_an_image_at_a_limit_takes_all_slots() -> None:
    cost_model = CostModel(ImageLimits(max_pixels=1_000_000), max_pyramid_pixels=1e6, slots=4)
    params = DetectionParams(min_size=24)
    small = cost_model.estimate(ImageHeader(100, 100, "JPEG"), params)
    many_pixels = cost_model.estimate(
        ImageHeader(1000, 1000, "JPEG"), DetectionParams(min_size=500)
    )
    much_work = cost_model.estimate(ImageHeader(700, 700, "JPEG"), DetectionParams(min_size=12))
    assert small.slots == 1
    assert many_pixels.slots == 4
    assert much_work.slots == 4
    assert small.work < many_pixels.work < much_work.work
