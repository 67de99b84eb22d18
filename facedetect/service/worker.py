"""From an uploaded image's bytes to its faces, in a bounded number of threads."""

from __future__ import annotations

import time
from dataclasses import dataclass

from anyio import CapacityLimiter, Semaphore, fail_after, to_thread

from facedetect.backends import ModelChoice
from facedetect.detector import Detection, Detector
from facedetect.errors import BackendTimeout
from facedetect.faces import DetectionParams, Face
from facedetect.images import BGRImage, decode_image, encode_image
from facedetect.render import annotate


@dataclass(frozen=True)
class Job:
    """What a request asks for: `draw` the annotated PNG, `choice` a version of the model."""

    data: bytes
    params: DetectionParams
    max_faces: int | None
    draw: bool
    choice: ModelChoice | None = None


@dataclass(frozen=True)
class Outcome:
    """What was found, and how long each step took, ms."""

    found: Detection
    annotated_png: bytes | None
    queue_ms: float
    decode_ms: float
    predict_ms: float
    total_ms: float


class Worker:
    """Runs jobs in at most `threads` threads, each job within `timeout_s` of its submission.

    Waiting for a thread and the model's run end at the deadline. Decoding and drawing are bounded
    by the limits on an image's size instead: they are not begun after the deadline.
    """

    def __init__(self, detector: Detector, *, threads: int, timeout_s: float) -> None:
        self.detector = detector
        self._slots = Semaphore(threads)
        self._limiter = CapacityLimiter(threads)
        self._timeout_s = timeout_s

    async def run(self, job: Job) -> Outcome:
        """Wait for a free thread and do the job.

        Raises ImageError's and BackendError's subclasses and InvalidParams.
        """
        submitted = time.monotonic()
        try:
            with fail_after(self._timeout_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise BackendTimeout(
                f"no thread became free in {self._timeout_s:g} s; try again later"
            ) from error
        try:
            return await to_thread.run_sync(self._do, job, submitted, limiter=self._limiter)
        finally:
            self._slots.release()

    def _do(self, job: Job, submitted: float) -> Outcome:
        started = time.monotonic()
        deadline = submitted + self._timeout_s
        image = decode_image(job.data, self.detector.limits)
        decoded = time.monotonic()
        found = self.detector.detect_upright(
            image,
            job.params,
            max_faces=job.max_faces,
            deadline=deadline,
            choice=job.choice,
        )
        predicted = time.monotonic()
        return Outcome(
            found=found,
            annotated_png=_annotated_png(image, found.faces) if job.draw else None,
            queue_ms=_ms(submitted, started),
            decode_ms=_ms(started, decoded),
            predict_ms=_ms(decoded, predicted),
            total_ms=_ms(submitted, time.monotonic()),
        )


def _annotated_png(image: BGRImage, faces: list[Face]) -> bytes:
    return encode_image(annotate(image, faces), ".png")


def _ms(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)
