"""Detect faces in the frames of videos, several frames at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore

from facedetect.faces import Face
from facedetect.images import BGRImage
from facedetect.video.video import Frame


@dataclass(frozen=True)
class FrameDetections:
    """The faces in a frame, by descending confidence."""

    frame_number: int
    time_s: float
    faces: list[Face]


class FrameDetectionPool:
    """Threads that detect faces in frames, shared by all videos in progress.

    `workers` frames are processed at a time and as many wait, which bounds memory however many
    videos there are.
    """

    def __init__(self, workers: int) -> None:
        self._max_pending = 2 * workers
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="frames")
        self._slots = BoundedSemaphore(self._max_pending)

    def detect_in_frames(
        self,
        frames: Iterable[Frame],
        detect_faces: Callable[[BGRImage], list[Face]],
        *,
        stride: int,
    ) -> Iterator[FrameDetections]:
        """Process every `stride`-th frame, starting with the first; yields results in order.

        Raises what `detect_faces` raises.
        """
        # Not the frames themselves, so that their memory is freed once their pixels are converted.
        pending: deque[tuple[int, float, Future[list[Face]]]] = deque()
        try:
            for frame in frames:
                if frame.number % stride:
                    continue
                if len(pending) >= self._max_pending:
                    yield _wait_for(*pending.popleft())
                pending.append((frame.number, frame.time_s, self._submit(detect_faces, frame)))
            while pending:
                yield _wait_for(*pending.popleft())
        finally:
            for *_, faces in pending:
                faces.cancel()

    def _submit(
        self, detect_faces: Callable[[BGRImage], list[Face]], frame: Frame
    ) -> Future[list[Face]]:
        self._slots.acquire()
        try:
            faces = self._executor.submit(detect_faces, frame.to_bgr())
        except BaseException:
            self._slots.release()
            raise
        faces.add_done_callback(lambda _: self._slots.release())
        return faces


def _wait_for(frame_number: int, time_s: float, faces: Future[list[Face]]) -> FrameDetections:
    return FrameDetections(frame_number, time_s, faces.result())
