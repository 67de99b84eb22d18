"""Which images are admitted, which wait and which are rejected."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from facedetect.errors import Overloaded
from facedetect.service.admission import AdmissionQueue, QueueEntry
from facedetect.service.image_cost import ImageCost
from tests.unit.timing import Clock
from tests.virtual_time import VirtualTimeLoop

PHOTO = ImageCost(slots=1, work=1e6)
LIGHT = ImageCost(slots=1, work=1e6, is_light=True)
HEAVY = ImageCost(slots=2, work=2e7)
ME, OTHER = "me", "other"


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

    async def arrive(self, name: str, cost: ImageCost = PHOTO, *, caller: str = ME) -> None:
        self._disconnected[name] = asyncio.Future()
        self._tasks.add(asyncio.create_task(self._acquire(name, cost, caller)))
        await settle()

    async def _acquire(self, name: str, cost: ImageCost, caller: str) -> None:
        try:
            entry = await self._queue.acquire(caller, cost, self._disconnected[name])
            self._entries[name] = entry
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

    @property
    def slots_held(self) -> int:
        return sum(entry.slots for entry in self._entries.values())

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


def test_the_caller_that_has_used_least_is_next() -> None:
    async def test() -> None:
        clock = Clock()
        clients = Clients(make_queue(slots=1, clock=clock))
        for number in range(10):
            await clients.arrive(f"other {number}", caller=OTHER)
        await clients.arrive("mine", caller=ME)
        clock.advance(0.1)
        await clients.finish("other 0")
        assert clients.order == ["other 0", "mine"]
        await clients.arrive("mine again", caller=ME)
        clock.advance(0.1)
        await clients.finish("mine")
        assert clients.order[2:] == ["other 1"]  # it has used as much as I have
        clock.advance(0.1)
        await clients.finish("other 1")
        assert clients.order[3:] == ["mine again"]

    run(test())


def test_a_caller_that_sends_ten_times_as_much_gets_no_more() -> None:
    async def test() -> None:
        clock = Clock()
        queue = make_queue(slots=1, max_queued=8, clock=clock)
        clients = Clients(queue)
        sent = {ME: 0, OTHER: 0}
        for _ in range(40):
            for caller, count in ((OTHER, 10), (ME, 1)):
                for _ in range(count):
                    await clients.arrive(f"{caller} {sent[caller]}", caller=caller)
                    sent[caller] += 1
            clock.advance(0.1)
            await clients.finish(clients.order[-1])
            clock.advance(0.1)
            await clients.finish(clients.order[-1])
        rejected = [name for name in clients.errors if name.startswith(ME)]
        assert not rejected
        admitted = [name for name in clients.order if name.startswith(ME)]
        assert len(admitted) == 40
        assert len(clients.order) - len(admitted) in {40, 41}

    run(test())


def test_what_an_image_really_took_is_charged() -> None:
    async def test() -> None:
        clock = Clock()
        clients = Clients(make_queue(slots=1, clock=clock))
        await clients.arrive("liar 0", caller="liar")
        for number in range(1, 3):
            await clients.arrive(f"liar {number}", caller="liar")
        for number in range(4):
            await clients.arrive(f"mine {number}")
        clock.advance(4)
        await clients.finish("liar 0")
        for number in range(4):  # four images of a second each are as much
            assert clients.order[-1] == f"mine {number}"
            clock.advance(0.9)
            await clients.finish(f"mine {number}")
        assert clients.order[-1] == "liar 1"

    run(test())


def test_who_was_idle_has_saved_nothing_up() -> None:
    async def test() -> None:
        clock = Clock()
        clients = Clients(make_queue(slots=1, clock=clock))
        for number in range(6):
            await clients.arrive(f"other {number}", caller=OTHER)
        for number in range(4):
            clock.advance(1)
            await clients.finish(f"other {number}")
        for number in range(4):
            await clients.arrive(f"mine {number}")
        clock.advance(1)
        await clients.finish("other 4")
        assert clients.order[-1] == "mine 0"
        clock.advance(1)
        await clients.finish("mine 0")
        assert clients.order[-1] == "other 5"

    run(test())


def test_new_callers_without_end_do_not_keep_out_those_that_were_there() -> None:
    async def test() -> None:
        clock = Clock()
        queue = make_queue(slots=1, queue_timeout_s=1000, clock=clock)
        clients = Clients(queue)
        await clients.arrive("mine 0")
        await clients.arrive("mine 1")
        for number in range(12):
            await clients.arrive(f"new {number}", caller=f"new {number}")
            clock.advance(0.1)
            await clients.finish(clients.order[-1])
        assert "mine 1" in clients.order
        assert len(queue._callers) < 6  # noqa: SLF001 - served callers are forgotten

    run(test())


def test_a_light_image_finds_a_slot_beside_heavy_ones() -> None:
    async def test() -> None:
        queue = make_queue(slots=2)
        clients = Clients(queue)
        await clients.arrive("heavy", HEAVY, caller=OTHER)
        await clients.arrive("heavy too", HEAVY, caller=OTHER)
        assert queue.must_wait(ME, HEAVY)
        assert not queue.must_wait(ME, LIGHT)
        await clients.arrive("light", LIGHT)
        assert clients.order == ["heavy", "light"]
        await clients.arrive("light too", LIGHT, caller="third")
        await clients.finish("light")
        assert clients.order == ["heavy", "light", "light too"]
        await clients.finish("light too")
        await clients.finish("heavy")
        assert clients.order[3:] == ["heavy too"]

    run(test())


def test_one_caller_cannot_take_the_slot_of_light_images_as_well() -> None:
    async def test() -> None:
        clients = Clients(make_queue(slots=2))
        for number in range(4):
            await clients.arrive(f"other {number}", LIGHT, caller=OTHER)
        assert clients.order == ["other 0", "other 1"]
        await clients.arrive("mine", LIGHT)
        assert clients.order[2:] == ["mine"]

    run(test())


def test_light_images_of_a_caller_take_turns_in_the_slot_that_is_theirs() -> None:
    async def test() -> None:
        queue = make_queue(slots=2)
        clients = Clients(queue)
        endless = ImageCost(slots=2, work=1e9)
        await clients.arrive("endless", endless, caller=OTHER)
        with pytest.raises(Overloaded):
            queue.check_room(ME, PHOTO)
        for number in range(3):
            await clients.arrive(f"light {number}", LIGHT)
        for number in range(3):
            assert clients.order[-1] == f"light {number}"
            await clients.finish(f"light {number}")

    run(test())


def test_a_heavy_image_waits_for_all_slots_and_is_not_overtaken() -> None:
    async def test() -> None:
        clients = Clients(make_queue(slots=2))
        await clients.arrive("light", LIGHT)
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


def test_a_full_queue_rejects_the_last_image_of_the_caller_with_the_most() -> None:
    async def test() -> None:
        queue = make_queue(slots=1, max_queued=4, queue_timeout_s=60)
        clients = Clients(queue)
        for number in range(5):
            await clients.arrive(f"other {number}", caller=OTHER)
        queue.check_room(ME)
        await clients.arrive("mine")
        assert clients.overload("other 4").reason == "queue_full"
        assert queue.queued == 4
        await clients.arrive("mine too")
        assert clients.overload("other 3").reason == "queue_full"
        with pytest.raises(Overloaded):  # both have two
            queue.check_room(ME, PHOTO)
        await clients.arrive("mine as well")
        assert clients.overload("mine as well").reason == "queue_full"
        await clients.arrive("third", caller="third")
        assert len(clients.errors) == 4
        assert queue.queued == 4

    run(test())


def test_the_wait_is_each_callers_own() -> None:
    async def test() -> None:
        clock = Clock()
        queue = make_queue(slots=1, queue_timeout_s=3, clock=clock)
        clients = Clients(queue)
        for caller in (ME, OTHER):
            await clients.arrive(f"first {caller}", caller=caller)
            clock.advance(0.5)
            await clients.finish(f"first {caller}")
        for number in range(20):
            await clients.arrive(f"other {number}", caller=OTHER)
        assert queue.queued == 6
        assert clients.overload("other 19").retry_after_s == 4
        assert queue.expected_wait_s(OTHER, PHOTO) == pytest.approx(3.5)
        assert queue.expected_wait_s(ME, PHOTO) == pytest.approx(0.5)
        assert queue.expected_wait_s(ME) == 0  # a light one

    run(test())


def test_images_that_cost_more_than_they_look_spoil_no_others_prediction() -> None:
    async def test() -> None:
        clock = Clock()
        queue = make_queue(slots=1, clock=clock)
        clients = Clients(queue)
        for caller in (ME, OTHER, "third"):
            await clients.arrive(caller, caller=caller)
            clock.advance(0.1)
            await clients.finish(caller)
        for number in range(40):
            await clients.arrive(f"liar {number}", ImageCost(1, work=1e4), caller="liar")
            clock.advance(5)
            await clients.finish(f"liar {number}")
        for caller in (ME, "new", "newer"):
            await clients.arrive(f"{caller} again", caller=caller)
        assert queue.expected_wait_s("newest", PHOTO) == pytest.approx(0.3)

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
        assert queue.expected_wait_s(ME) == 0  # a slot is free
        for name in "abcd":
            assert queue.longest_wait_s == pytest.approx({"c": 0.5, "d": 0.75}.get(name, 0))
            await clients.arrive(name)
        assert queue.expected_wait_s(ME) == pytest.approx(1.0)
        assert queue.longest_wait_s == pytest.approx(1.0)
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
        assert queue.expected_wait_s(ME) == pytest.approx(0.2)

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
        st.tuples(
            st.integers(1, 4), st.sampled_from("abc"), st.sampled_from(["leave", "go", "stay"])
        ),
        max_size=25,
    )
)
def test_slots_are_never_lost_nor_given_twice(events: list[tuple[int, str, str]]) -> None:
    async def test() -> None:
        queue = make_queue(slots=4, max_queued=5)
        clients = Clients(queue)
        for number, (slots, caller, event) in enumerate(events):
            cost = ImageCost(slots, work=slots * 1e5, is_light=slots == 1)
            await clients.arrive(str(number), cost, caller=caller)
            assert clients.slots_held <= 5
            if event == "leave" and clients.order:
                await clients.finish(clients.order.pop(0))
            if event == "go":
                await clients.disconnect(str(number))
            assert queue.queued <= 5
        while clients.order:
            await clients.finish(clients.order.pop(0))
        assert (queue.running, queue.queued) == (0, 0)
        assert not queue._callers  # noqa: SLF001 - nothing else shows that they are forgotten
        await clients.arrive("all", ImageCost(slots=4, work=1))
        assert clients.order == ["all"]

    run(test())


def test_it_is_known_in_advance_which_image_must_wait() -> None:
    async def test() -> None:
        queue = make_queue(slots=4)
        clients = Clients(queue)
        heavy = ImageCost(slots=4, work=1e6)
        assert not queue.must_wait(ME, heavy)
        await clients.arrive("first")
        assert not queue.must_wait(ME, PHOTO)
        assert queue.must_wait(ME, heavy)
        await clients.arrive("heavy", heavy)
        assert queue.must_wait(ME, PHOTO)
        await clients.finish("first")
        await clients.finish("heavy")
        assert not queue.must_wait(ME, heavy)

    run(test())
