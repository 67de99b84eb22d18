"""Which images may be worked on: weighed first, in a queue that knows how long it is."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect

from facedetect.errors import Overloaded
from facedetect.faces import DetectionParams
from facedetect.images import ImageHeader, ImageLimits

# In pixels of a pyramid, which cost most: what decoding a pixel costs, and what any request does.
_DECODED_PIXEL_COST = 0.1
_REQUEST_COST = 50_000.0

_REMEMBERED = 32


@dataclass(frozen=True)
class ImageCost:
    """What one image will take: `slots` of those there are, and `cost` in pixels of a pyramid."""

    slots: int
    cost: float


class CostModel:
    """Weighs images: one at the limits takes all slots, so that memory is bounded by one such."""

    def __init__(self, limits: ImageLimits, max_pyramid_pixels: float, slots: int) -> None:
        self._max_pixels = limits.max_pixels
        self._max_pyramid_pixels = max_pyramid_pixels
        self._slots = slots

    def weigh(self, header: ImageHeader, params: DetectionParams) -> ImageCost:
        """Predict the work from an image's header."""
        pixels = header.width * header.height
        pyramid = params.pyramid_pixels(header.width, header.height)
        share = max(pixels / self._max_pixels, pyramid / self._max_pyramid_pixels)
        slots = min(self._slots, max(1, math.ceil(share * self._slots)))
        return ImageCost(slots, _REQUEST_COST + _DECODED_PIXEL_COST * pixels + pyramid)


@dataclass(eq=False)
class QueueEntry:
    """A place in the queue, and then at work."""

    work: ImageCost
    started: float = 0.0
    called: asyncio.Future[None] = field(default_factory=asyncio.Future)


class AdmissionQueue:
    """Lets images in one after the other, as many at a time as there are slots for.

    The wait is predicted from the work ahead and from how long the last images took. Who would
    wait longer than `queue_timeout_s`, or finds `max_queued` waiting, is told at once when to
    come again. For one event loop.
    """

    def __init__(self, *, slots: int, max_queued: int, queue_timeout_s: float) -> None:
        self.running = 0
        self._slots = slots
        self._free = slots
        self._max_queued = max_queued
        self._queue_timeout_s = queue_timeout_s
        self._queue: deque[QueueEntry] = deque()
        self._cost_ahead = 0.0
        self._pace = _Pace()

    @property
    def queued(self) -> int:
        """How many images wait."""
        return len(self._queue)

    def expected_wait_s(self) -> float:
        """How long an image that came now would wait; 0 while nothing is known."""
        if self._free and not self._queue:
            return 0.0
        return self._cost_ahead * self._pace.slot_seconds / self._slots

    def check_room(self) -> None:
        """Raise Overloaded if an image that came now would be turned away."""
        if self._free and not self._queue:
            return
        if len(self._queue) >= self._max_queued:
            raise self._overloaded("queue_full", f"{len(self._queue)} images are waiting already")
        wait_s = self.expected_wait_s()
        if wait_s > self._queue_timeout_s:
            raise self._overloaded("queue_full", f"an image would have to wait {wait_s:.0f} s")

    def must_wait(self, work: ImageCost) -> bool:
        """Whether an image that came now would not be let in at once."""
        return bool(self._queue) or work.slots > self._free

    async def enter(self, work: ImageCost, gone: asyncio.Future[None]) -> QueueEntry:
        """Wait for the slots that the work takes; they are held until the ticket is given back.

        Raises Overloaded, and ClientDisconnect if `gone` is done before the turn has come.
        """
        self.check_room()
        ticket = QueueEntry(work)
        self._queue.append(ticket)
        self._cost_ahead += work.cost
        self._call_next()
        try:
            await self._wait(ticket, gone)
        except BaseException:
            self._remove(ticket)
            raise
        ticket.started = time.monotonic()
        return ticket

    def leave(self, ticket: QueueEntry, *, is_done: bool) -> None:
        """Give the slots back; work that was not done to its end tells nothing of the pace."""
        work = ticket.work
        if is_done:
            self._pace.note((time.monotonic() - ticket.started) * work.slots, work.cost)
        self._remove(ticket)

    async def _wait(self, ticket: QueueEntry, gone: asyncio.Future[None]) -> None:
        if not ticket.called.done():
            waited_for = {ticket.called, gone}
            timeout = self._queue_timeout_s
            await asyncio.wait(waited_for, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            raise ClientDisconnect
        if not ticket.called.done():
            words = f"the image's turn did not come in {self._queue_timeout_s:g} s"
            raise self._overloaded("queue_timeout", words)

    def _overloaded(self, reason: str, words: str) -> Overloaded:
        """Come again when what waits now will have been done."""
        wait_s = max(1, math.ceil(self.expected_wait_s()))
        return Overloaded(f"{words}; come again in {wait_s} s", wait_s, reason)

    def _call_next(self) -> None:
        """Call those at the head for whom there is room: nobody overtakes a heavy one."""
        while self._queue and self._queue[0].work.slots <= self._free:
            ticket = self._queue.popleft()
            self._free -= ticket.work.slots
            self.running += 1
            ticket.called.set_result(None)

    def _remove(self, ticket: QueueEntry) -> None:
        if ticket.called.done():
            self._free += ticket.work.slots
            self.running -= 1
        else:
            self._queue.remove(ticket)
        self._cost_ahead -= ticket.work.cost
        self._call_next()


class _Pace:
    """How long work takes, from the last images."""

    def __init__(self) -> None:
        self._last: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self.slot_seconds = 0.0
        """For one pixel of a pyramid."""

    def note(self, slot_seconds: float, cost: float) -> None:
        self._last.append((slot_seconds, cost))
        self.slot_seconds = sum(s for s, _ in self._last) / sum(c for _, c in self._last)
