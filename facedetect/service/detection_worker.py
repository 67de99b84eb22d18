"""From an uploaded image's bytes to its faces, in a bounded number of threads."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from facedetect.detector import Detector
from facedetect.faces import Detection, DetectionParams
from facedetect.images import BGRImage, SourceImage, encode_image
from facedetect.model_ref import ModelRef
from facedetect.render import Style, render
from facedetect.service.admission import AdmissionQueue, CostModel, ImageCost
from facedetect.service.telemetry import Elapsed, Telemetry
from facedetect.settings import ServiceSettings


@dataclass(frozen=True)
class RenderOptions:
    """How the faces are to be shown: `style` of drawing, `suffix` of the file format."""

    style: Style = "box"
    suffix: str = ".png"


@dataclass(frozen=True)
class DetectionJob:
    """What is asked of one image; `picture` None asks for the faces alone."""

    data: bytes
    params: DetectionParams
    max_faces: int | None = None
    picture: RenderOptions | None = None
    model: ModelRef | None = None


@dataclass(frozen=True)
class DetectionResult:
    """What was found, and how long each step took, ms."""

    found: Detection
    picture: bytes | None
    queue_ms: float
    decode_ms: float
    predict_ms: float
    total_ms: float


class DetectionWorker:
    """Does jobs in at most `settings.threads` threads, as the admission lets them in.

    The wait and the model's run end `settings.timeout_s` after the upload. Decoding and drawing are
    bounded by the limits on an image's size instead.
    """

    def __init__(self, detector: Detector, settings: ServiceSettings, telemetry: Telemetry) -> None:
        self.threads = settings.threads
        self.detector = detector
        self.telemetry = telemetry
        self.admission = AdmissionQueue(
            slots=settings.threads,
            max_queued=settings.max_queued,
            queue_timeout_s=min(settings.queue_timeout_s, settings.timeout_s),
        )
        self._scale = CostModel(detector.limits, settings.max_pyramid_pixels, settings.threads)
        self._limiter = CapacityLimiter(settings.threads)
        self._header_limiter = CapacityLimiter(settings.threads)
        self._max_pyramid_pixels = settings.max_pyramid_pixels
        self._timeout_s = settings.timeout_s

    async def run(self, job: DetectionJob, gone: asyncio.Future[None]) -> DetectionResult:
        """Wait for the job's turn and do it, unless its client has `gone` before.

        Raises ImageError's and BackendError's subclasses, InvalidParams, Overloaded and
        ClientDisconnect.
        """
        submitted = time.monotonic()
        source, work = await to_thread.run_sync(self._open, job, limiter=self._header_limiter)
        with source:
            if self.admission.must_wait(work):
                source.close()  # an open file may hold memory; decoding opens it again
            with self.telemetry.stage("queue") as queue:
                ticket = await self.admission.enter(work, gone)
            outcome = None
            try:
                deadline = submitted + self._timeout_s
                outcome = await to_thread.run_sync(
                    self._do, job, source, deadline, queue, limiter=self._limiter
                )
                return outcome
            finally:
                self.admission.leave(ticket, is_done=outcome is not None)

    def _open(self, job: DetectionJob) -> tuple[SourceImage, ImageCost]:
        """Open the image and weigh its work by the header, so that what is refused never waits."""
        source = SourceImage.open(job.data, self.detector.limits)
        header = source.header
        job.params.check_work(header.width, header.height, self._max_pyramid_pixels)
        return source, self._scale.weigh(header, job.params)

    def _do(
        self, job: DetectionJob, source: SourceImage, deadline: float, queue: Elapsed
    ) -> DetectionResult:
        with self.telemetry.stage("decode") as decode:
            image = source.decode()
        with self.telemetry.stage("predict") as predict:
            found = self.detector.detect_upright(
                image, job.params, max_faces=job.max_faces, deadline=deadline, model=job.model
            )
        self.telemetry.found(found)
        picture = self._draw(image, found, job.picture) if job.picture else None
        total_ms = (time.monotonic() - deadline + self._timeout_s) * 1000
        return DetectionResult(found, picture, queue.ms, decode.ms, predict.ms, round(total_ms, 3))

    def _draw(self, image: BGRImage, found: Detection, picture: RenderOptions) -> bytes:
        with self.telemetry.stage("render"):
            drawn = render(image, found.faces, picture.style)
            return encode_image(drawn, picture.suffix)
