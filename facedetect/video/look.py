"""Looking at videos' frames, several side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore

from facedetect.faces import Face
from facedetect.images import BGRImage
from facedetect.video.read import Frame


@dataclass(frozen=True)
class Look:
    """What was found in a frame, most certain first."""

    frame: int
    time_s: float
    faces: list[Face]


class FramePool:
    """Threads that look at frames, for all videos that are under way.

    `workers` frames are looked at at a time and as many wait, so that memory is bounded however
    many videos there are.
    """

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="frames")
        self._room = BoundedSemaphore(2 * workers)
        self.most_waiting = 2 * workers

    def submit(self, find: Callable[[BGRImage], list[Face]], frame: Frame) -> Future[list[Face]]:
        """Have a frame looked at; waits until there is room for its picture."""
        self._room.acquire()
        try:
            found = self._pool.submit(find, frame.image())
        except BaseException:
            self._room.release()
            raise
        found.add_done_callback(lambda _: self._room.release())
        return found


def look_at_frames(
    frames: Iterable[Frame], find: Callable[[BGRImage], list[Face]], pool: FramePool, *, stride: int
) -> Iterator[Look]:
    """Look at every `stride`-th frame, the first one included; looks come in order.

    Raises what `find` raises.
    """
    under_way: deque[tuple[int, float, Future[list[Face]]]] = deque()
    try:
        for frame in frames:
            if frame.number % stride:
                continue
            if len(under_way) >= pool.most_waiting:
                yield _finish(*under_way.popleft())
            under_way.append((frame.number, frame.time_s, pool.submit(find, frame)))
        while under_way:
            yield _finish(*under_way.popleft())
    finally:
        for *_, found in under_way:
            found.cancel()


def _finish(frame: int, time_s: float, faces: Future[list[Face]]) -> Look:
    return Look(frame, time_s, faces.result())
