"""Detect the faces in uploaded images in a bounded number of threads."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from pydantic import Field

from facedetect.detection_params import DetectionParams
from facedetect.detector import Detector
from facedetect.faces import Detection
from facedetect.model_ref import ModelRef
from facedetect.picture import Picture
from facedetect.service.admission import AdmissionQueue
from facedetect.service.image_cost import CostModel, ImageCost
from facedetect.service.request_context import Stage, current_request, time_stage
from facedetect.settings import ServiceSettings
from facedetect.styles import AnnotationStyle


@dataclass(frozen=True)
class RenderOptions:
    """How to render the faces: the `style`, and the `media_type` of the file."""

    style: AnnotationStyle = "box"
    media_type: str = "image/png"

    @property
    def suffix(self) -> str:
        """That of files of the media type."""
        return "." + self.media_type.removeprefix("image/")


@dataclass(frozen=True)
class DetectionJob:
    """One image and what to do with it; rendered only with `render_options`."""

    data: bytes
    params: DetectionParams
    max_faces: int | None = None
    model: ModelRef | None = None
    render_options: RenderOptions | None = None


@dataclass(frozen=True)
class Timings:
    """Durations in milliseconds."""

    decode: float
    queue: Annotated[float, Field(description="Wait for a free thread.")]
    predict: float
    total: Annotated[
        float, Field(description="From the complete upload of the image to the response.")
    ]


@dataclass(frozen=True)
class DetectionResult:
    """The faces in one image, the parameters used, and the rendered file if requested."""

    detection: Detection
    params: DetectionParams
    rendered: bytes | None
    media_type: str | None
    timings_ms: Timings


class DetectionWorker:
    """Runs admitted jobs in `settings.threads` threads, plus one for light images.

    A job times out `settings.timeout_s` after the upload, whatever it is doing then.
    """

    def __init__(self, detector: Detector, settings: ServiceSettings) -> None:
        self.admission = AdmissionQueue(
            slots=settings.threads,
            max_queued=settings.max_queued,
            queue_timeout_s=min(settings.queue_timeout_s, settings.timeout_s),
        )
        self._detector = detector
        self._cost_model = CostModel(detector.limits, settings.max_pyramid_pixels, settings.threads)
        self._limiter = CapacityLimiter(settings.threads + 1)
        self._header_limiter = CapacityLimiter(settings.threads)
        self._max_pyramid_pixels = settings.max_pyramid_pixels
        self._timeout_s = settings.timeout_s

    async def run(self, job: DetectionJob, disconnected: asyncio.Future[None]) -> DetectionResult:
        """Wait for admission and run the job, unless its client has `disconnected` first.

        Raises the subclasses of ImageError and BackendError, InvalidParams, Overloaded and
        ClientDisconnect.
        """
        submitted = time.monotonic()
        deadline = submitted + self._timeout_s
        picture, params, cost = await to_thread.run_sync(
            self._open, job, deadline, limiter=self._header_limiter
        )
        job = replace(job, params=params)
        with picture:
            caller_id = current_request().caller_id
            if self.admission.must_wait(caller_id, cost):
                picture.suspend()
            with time_stage("queue") as queue:
                entry = await self.admission.acquire(caller_id, cost, disconnected)
            result = None
            try:
                result = await to_thread.run_sync(
                    self._process, job, picture, deadline, queue, limiter=self._limiter
                )
                return result
            finally:
                self.admission.release(entry, is_completed=result is not None)

    def _open(
        self, job: DetectionJob, deadline: float
    ) -> tuple[Picture, DetectionParams, ImageCost]:
        """Open the image and estimate its cost from the header, so that bad images never wait."""
        picture = self._detector.open_picture(job.data, deadline)
        header = picture.header
        try:
            params = job.params.fitted(header.width, header.height, self._max_pyramid_pixels)
        except BaseException:
            picture.close()
            raise
        encoded_as = None if job.render_options is None else job.render_options.suffix
        return picture, params, self._cost_model.estimate(header, params, encoded_as)

    def _process(
        self, job: DetectionJob, picture: Picture, deadline: float, queue: Stage
    ) -> DetectionResult:
        with time_stage("decode") as decode:
            image = picture.decode()
        with time_stage("predict") as predict:
            detection = self._detector.detect_upright(
                image, job.params, max_faces=job.max_faces, deadline=deadline, model=job.model
            )
        current_request().detections.append(detection)
        rendered = media_type = None
        if job.render_options is not None:
            media_type = job.render_options.media_type
            with time_stage("render"):
                picture.draw(detection.faces, job.render_options.style)
                rendered = picture.encode(job.render_options.suffix)
        total_ms = round((time.monotonic() - deadline + self._timeout_s) * 1000, 3)
        timings_ms = Timings(decode.ms, queue.ms, predict.ms, total_ms)
        return DetectionResult(detection, job.params, rendered, media_type, timings_ms)
