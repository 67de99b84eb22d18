"""Admission of images: an estimate of what each costs, and a queue that predicts its wait."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect

from facedetect.errors import Overloaded
from facedetect.faces import DetectionParams
from facedetect.images import ImageHeader, ImageLimits

# The pixels of the image pyramid cost most, so costs are in pixels of a pyramid: that of decoding
# one pixel of the image, and that of any request.
_DECODED_PIXEL_COST = 0.1
_REQUEST_COST = 50_000.0

_REMEMBERED_IMAGES = 32


@dataclass(frozen=True)
class ImageCost:
    """What processing one image takes: `slots` while it runs, and `work` in pyramid pixels."""

    slots: int
    work: float


class CostModel:
    """Estimates costs. An image at a limit takes all slots: memory is bounded by one of those."""

    def __init__(self, limits: ImageLimits, max_pyramid_pixels: float, slots: int) -> None:
        self._max_pixels = limits.max_pixels
        self._max_pyramid_pixels = max_pyramid_pixels
        self._slots = slots

    def estimate(self, header: ImageHeader, params: DetectionParams) -> ImageCost:
        """Estimate the cost of an image from its header."""
        pixels = header.width * header.height
        pyramid = params.pyramid_pixels(header.width, header.height)
        share = max(pixels / self._max_pixels, pyramid / self._max_pyramid_pixels)
        slots = min(self._slots, max(1, math.ceil(share * self._slots)))
        return ImageCost(slots, _REQUEST_COST + _DECODED_PIXEL_COST * pixels + pyramid)


@dataclass(eq=False)
class QueueEntry:
    """An image that waits for its slots, or holds them once `admitted` is done."""

    cost: ImageCost
    admitted_at: float = 0.0
    admitted: asyncio.Future[None] = field(default_factory=asyncio.Future)


class AdmissionQueue:
    """Admits images first come, first served, as many at a time as there are slots for.

    The wait is predicted from the work ahead and the throughput of the last images. A request
    that would wait longer than `queue_timeout_s`, or finds `max_queued` images waiting, is
    rejected at once and told when to retry. For one event loop.
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
        self.running = 0
        self._slots = slots
        self._free = slots
        self._max_queued = max_queued
        self._queue_timeout_s = queue_timeout_s
        self._clock = clock
        self._queue: deque[QueueEntry] = deque()
        self._work_ahead = 0.0
        self._throughput = _Throughput()

    @property
    def queued(self) -> int:
        """The number of waiting images."""
        return len(self._queue)

    def expected_wait_s(self) -> float:
        """Predict how long an image that arrived now would wait; 0 while nothing is known."""
        if self._free and not self._queue:
            return 0.0
        return self._work_ahead * self._throughput.slot_seconds_per_pixel / self._slots

    def check_room(self) -> None:
        """Raise Overloaded if an image that arrived now would be rejected."""
        if self._free and not self._queue:
            return
        if self.queued >= self._max_queued:
            images = "image is" if self.queued == 1 else "images are"
            raise self._overloaded("queue_full", f"{self.queued} {images} already waiting")
        wait_s = self.expected_wait_s()
        if wait_s > self._queue_timeout_s:
            raise self._overloaded(
                "queue_full",
                f"the image would wait about {wait_s:.1f} s, longer than the "
                f"{self._queue_timeout_s:g} s allowed",
            )

    def must_wait(self, cost: ImageCost) -> bool:
        """Whether an image that arrived now would not be admitted at once."""
        return bool(self._queue) or cost.slots > self._free

    async def acquire(self, cost: ImageCost, disconnected: asyncio.Future[None]) -> QueueEntry:
        """Wait for an image's slots, which are held until `release`.

        Raises Overloaded, or ClientDisconnect if `disconnected` is done before they are free.
        """
        self.check_room()
        entry = QueueEntry(cost)
        self._queue.append(entry)
        self._work_ahead += cost.work
        self._admit_next()
        try:
            await self._wait(entry, disconnected)
        except BaseException:
            self._remove(entry)
            raise
        entry.admitted_at = self._clock()
        return entry

    def release(self, entry: QueueEntry, *, is_completed: bool) -> None:
        """Free the slots. Only images that were completed count towards the throughput."""
        if is_completed:
            slot_seconds = (self._clock() - entry.admitted_at) * entry.cost.slots
            self._throughput.add(slot_seconds, entry.cost.work)
        self._remove(entry)

    async def _wait(self, entry: QueueEntry, disconnected: asyncio.Future[None]) -> None:
        if not entry.admitted.done():
            events = {entry.admitted, disconnected}
            timeout = self._queue_timeout_s
            await asyncio.wait(events, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if disconnected.done():
            raise ClientDisconnect
        if not entry.admitted.done():
            raise self._overloaded(
                "queue_timeout", f"no thread became free in {self._queue_timeout_s:g} s"
            )

    def _overloaded(self, reason: str, message: str) -> Overloaded:
        """Ask to retry once the images that wait now will have been processed."""
        wait_s = max(1, math.ceil(self.expected_wait_s()))
        return Overloaded(f"{message}; retry in {wait_s} s", wait_s, reason)

    def _admit_next(self) -> None:
        """Admit from the head as long as there is room: a costly image is never overtaken."""
        while self._queue and self._queue[0].cost.slots <= self._free:
            entry = self._queue.popleft()
            self._free -= entry.cost.slots
            self.running += 1
            entry.admitted.set_result(None)

    def _remove(self, entry: QueueEntry) -> None:
        if entry.admitted.done():
            self._free += entry.cost.slots
            self.running -= 1
        else:
            self._queue.remove(entry)
        self._work_ahead -= entry.cost.work
        self._admit_next()


class _Throughput:
    """How fast the last images were processed."""

    def __init__(self) -> None:
        self._last: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED_IMAGES)
        self.slot_seconds_per_pixel = 0.0

    def add(self, slot_seconds: float, work: float) -> None:
        self._last.append((slot_seconds, work))
        self.slot_seconds_per_pixel = sum(s for s, _ in self._last) / sum(w for _, w in self._last)
