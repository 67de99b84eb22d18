"""Admission of images: a queue that shares the slots fairly among callers."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect

from facedetect.errors import Overloaded
from facedetect.service.image_cost import ImageCost
from facedetect.service.learned_rates import LearnedRates

# The best case for an image of unknown size: reject before the upload only if it is certain.
_AT_BEST = ImageCost(slots=1, work=0.0, is_light=True)


@dataclass(eq=False)
class _Caller:
    """A caller with images in the queue, or that has used more than its share of slot seconds."""

    id: str
    virtual_time: float
    waiting: list[QueueEntry] = field(default_factory=list)
    running: int = 0

    @property
    def is_active(self) -> bool:
        return self.running > 0 or bool(self.waiting)


@dataclass(eq=False)
class QueueEntry:
    """An image waiting for its slots, or holding them once `admitted` is true."""

    caller: _Caller
    cost: ImageCost
    estimate_s: float
    """Estimated slot seconds; the actual use is known at its release."""
    slots: int = 0
    admitted_at: float = 0.0
    admitted: asyncio.Future[bool] = field(default_factory=asyncio.Future)
    """False if the image was evicted in favour of another caller's."""


class AdmissionQueue:
    """Admits images by start-time fair queueing, as many at a time as there are slots.

    A caller's virtual time is the slot seconds that its images have used; the caller with the least
    is next. New and returning callers start at the queue's virtual time: being idle earns no
    credit. Images are charged their estimate when they start, and corrected to their actual use at
    their release, so a file that costs more than it seems delays only its sender.

    An extra slot is for light images of callers with nothing running: neither heavy images nor a
    single caller can make everyone wait.

    The wait is predicted per caller from what is ahead of its image. An image that would wait
    longer than `queue_timeout_s` is rejected at once; if more than `max_queued` are waiting, the
    last one of the caller with the most is rejected. For one event loop.
    """

    def __init__(
        self,
        *,
        slots: int,
        max_queued: int,
        queue_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` returns seconds."""
        self._slots = slots
        self._free = slots
        self._max_queued = max_queued
        self._queue_timeout_s = queue_timeout_s
        self._clock = clock
        self._virtual_time = 0.0
        self._callers: dict[str, _Caller] = {}
        self._running: set[QueueEntry] = set()
        self._light_slot: QueueEntry | None = None
        self._rates = LearnedRates()

    @property
    def running(self) -> int:
        """The number of images being processed."""
        return len(self._running)

    @property
    def queued(self) -> int:
        """The number of waiting images."""
        return sum(len(caller.waiting) for caller in self._callers.values())

    @property
    def longest_wait_s(self) -> float:
        """Predict how long an image would wait behind all waiting images, s; 0 if none are."""
        waiting = [entry for caller in self._callers.values() for entry in caller.waiting]
        if not waiting:
            return 0.0
        left_s = sum(self._seconds_left(entry) for entry in self._running)
        return (left_s + sum(entry.estimate_s for entry in waiting)) / self._slots

    def expected_wait_s(self, caller_id: str, cost: ImageCost = _AT_BEST) -> float:
        """Predict how long an image sent by this caller now would wait, s."""
        if not self.must_wait(caller_id, cost):
            return 0.0
        caller = self._caller(caller_id)
        wait_s = self._seconds_before(caller, light_slot=False) / self._slots
        if cost.is_light and self._may_use_light_slot(caller):
            wait_s = min(wait_s, self._seconds_before(caller, light_slot=True))
        return wait_s

    def check_room(self, caller_id: str, cost: ImageCost = _AT_BEST) -> None:
        """Raise Overloaded if an image sent by this caller now would be rejected."""
        if not self.must_wait(caller_id, cost):
            return
        queued, own = self.queued, len(self._caller(caller_id).waiting)
        if queued >= self._max_queued and own + 1 >= self._most_waiting():
            raise self._full(caller_id, queued)
        wait_s = self.expected_wait_s(caller_id, cost)
        if wait_s > self._queue_timeout_s:
            raise self._overloaded(
                caller_id,
                "queue_full",
                f"the image would wait about {wait_s:.1f} s, longer than the "
                f"{self._queue_timeout_s:g} s allowed",
            )

    def must_wait(self, caller_id: str, cost: ImageCost) -> bool:
        """Return whether an image sent by this caller now would have to wait."""
        if cost.slots <= self._free and not self.queued:
            return False
        may_use_light_slot = cost.is_light and self._may_use_light_slot(self._caller(caller_id))
        return self._light_slot is not None or not may_use_light_slot

    async def acquire(
        self, caller_id: str, cost: ImageCost, disconnected: asyncio.Future[None]
    ) -> QueueEntry:
        """Wait for an image's slots, which are held until `release`.

        Raises Overloaded, or ClientDisconnect if `disconnected` is done before they are free.
        """
        self.check_room(caller_id, cost)
        caller = self._callers[caller_id] = self._caller(caller_id)
        entry = QueueEntry(caller, cost, cost.work * self._rates.of(caller_id))
        caller.waiting.append(entry)
        self._admit_next()
        self._evict_if_full()
        try:
            await self._wait(entry, disconnected)
        except BaseException:
            self._leave(entry)
            raise
        return entry

    def release(self, entry: QueueEntry, *, is_completed: bool) -> None:
        """Free the slots and charge the actual use. Estimates learn only from completed images."""
        slot_seconds = (self._clock() - entry.admitted_at) * entry.slots
        if is_completed:
            self._rates.learn(entry.caller.id, slot_seconds, entry.cost.work)
        entry.caller.virtual_time += slot_seconds - entry.estimate_s
        # Time must advance, or a flood of new callers would hold it back and lock others out.
        self._virtual_time += slot_seconds / sum(c.is_active for c in self._callers.values())
        entry.caller.running -= 1
        self._running.remove(entry)
        if entry is self._light_slot:
            self._light_slot = None
        else:
            self._free += entry.slots
        self._admit_next()
        self._forget_callers()

    async def _wait(self, entry: QueueEntry, disconnected: asyncio.Future[None]) -> None:
        if not entry.admitted.done():
            events: set[asyncio.Future[Any]] = {entry.admitted, disconnected}
            timeout = self._queue_timeout_s
            await asyncio.wait(events, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if disconnected.done():
            raise ClientDisconnect
        if not entry.admitted.done():
            raise self._overloaded(
                entry.caller.id,
                "queue_timeout",
                f"no thread became free within {self._queue_timeout_s:g} s",
            )
        if not entry.admitted.result():
            raise self._full(entry.caller.id, self.queued)

    def _admit_next(self) -> None:
        while self._admit_one():
            pass

    def _admit_one(self) -> bool:
        """Admit one image if possible; a heavy image whose turn it is reserves freed slots."""
        waiting = [caller for caller in self._callers.values() if caller.waiting]
        waiting.sort(key=lambda caller: caller.virtual_time)
        if waiting and waiting[0].waiting[0].cost.slots <= self._free:
            first = waiting[0].waiting[0]
            self._virtual_time = max(self._virtual_time, first.caller.virtual_time)
            self._free -= first.cost.slots
            self._start(first, first.cost.slots)
            return True
        if self._light_slot is None:
            allowed = filter(self._may_use_light_slot, waiting)
            for entry in (entry for caller in allowed for entry in caller.waiting):
                if entry.cost.is_light:
                    self._light_slot = entry
                    self._start(entry, 1)
                    return True
        return False

    def _may_use_light_slot(self, caller: _Caller) -> bool:
        """Return whether the caller's light images may use the light slot, now or later."""
        running = (entry for entry in self._running if entry.caller is caller)
        return all(entry is self._light_slot for entry in running)

    def _start(self, entry: QueueEntry, slots: int) -> None:
        entry.slots = slots
        entry.admitted_at = self._clock()
        entry.caller.virtual_time += entry.estimate_s
        entry.caller.waiting.remove(entry)
        entry.caller.running += 1
        self._running.add(entry)
        entry.admitted.set_result(True)

    def _leave(self, entry: QueueEntry) -> None:
        if entry in self._running:
            self.release(entry, is_completed=False)
            return
        if entry in entry.caller.waiting:  # it may have been evicted
            entry.caller.waiting.remove(entry)
        self._admit_next()
        self._forget_callers()

    def _evict_if_full(self) -> None:
        """If the queue is full, reject the last image of the caller with the most."""
        if self.queued > self._max_queued:
            largest = max(self._callers.values(), key=lambda caller: len(caller.waiting))
            largest.waiting.pop().admitted.set_result(False)

    def _most_waiting(self) -> int:
        return max((len(caller.waiting) for caller in self._callers.values()), default=0)

    def _caller(self, caller_id: str) -> _Caller:
        """Return the caller; an idle one starts at the current virtual time."""
        caller = self._callers.get(caller_id) or _Caller(caller_id, self._virtual_time)
        if not caller.is_active:
            caller.virtual_time = max(caller.virtual_time, self._virtual_time)
        return caller

    def _forget_callers(self) -> None:
        """Forget idle callers, except those that have used more than their share."""
        if not any(caller.is_active for caller in self._callers.values()):
            self._callers.clear()
        for caller in list(self._callers.values()):
            if not caller.is_active and caller.virtual_time <= self._virtual_time:
                del self._callers[caller.id]

    def _seconds_before(self, caller: _Caller, *, light_slot: bool) -> float:
        """Estimate the slot seconds ahead of a caller's next image, by kind of slot."""
        turn = caller.virtual_time + sum(entry.estimate_s for entry in caller.waiting)
        seconds = sum(
            self._seconds_left(entry)
            for entry in self._running
            if (entry is self._light_slot) == light_slot
        )
        for other in self._callers.values():
            start = other.virtual_time
            for entry in other.waiting:
                if start <= turn and (entry.cost.is_light or not light_slot):
                    seconds += entry.estimate_s
                start += entry.estimate_s
        return seconds

    def _seconds_left(self, entry: QueueEntry) -> float:
        """Return what a running image still takes; a late one is expected to be as late again."""
        return abs(entry.estimate_s - (self._clock() - entry.admitted_at) * entry.slots)

    def _full(self, caller_id: str, queued: int) -> Overloaded:
        images = "image is" if queued == 1 else "images are"
        return self._overloaded(caller_id, "queue_full", f"{queued} {images} already waiting")

    def _overloaded(self, caller_id: str, reason: str, message: str) -> Overloaded:
        """Ask the caller to retry once its own images should be done."""
        wait_s = max(1, math.ceil(self.expected_wait_s(caller_id)))
        return Overloaded(f"{message}; retry in {wait_s} s", wait_s, reason)
