"""Looking at a video's frames, several side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from facedetect.faces import Face
from facedetect.images import BGRImage
from facedetect.video.read import Frame


@dataclass(frozen=True)
class Look:
    """What was found in a frame, most certain first."""

    frame: int
    time_s: float
    faces: list[Face]


def look_at_frames(
    frames: Iterable[Frame], find: Callable[[BGRImage], list[Face]], *, stride: int, workers: int
) -> Iterator[Look]:
    """Look at every `stride`-th frame, the first one included; looks come in order.

    `workers` are looked at at a time, and as many wait. Raises what `find` raises.
    """
    under_way: deque[tuple[int, float, Future[list[Face]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for frame in frames:
            if frame.number % stride:
                continue
            if len(under_way) >= 2 * workers:
                yield _finish(*under_way.popleft())
            found = pool.submit(find, frame.image())
            under_way.append((frame.number, frame.time_s, found))
        while under_way:
            yield _finish(*under_way.popleft())


def _finish(frame: int, time_s: float, faces: Future[list[Face]]) -> Look:
    return Look(frame, time_s, faces.result())
