"""Run detectors at several settings over a dataset; interrupted runs resume."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from typing import Self

from facedetect.detection_params import DetectionParams
from facedetect.errors import InvalidSettings
from facedetect.evaluation.dataset import Dataset, LabelledImage
from facedetect.evaluation.detections_file import DetectionsFile
from facedetect.evaluation.detector_adapters import DetectorAdapter
from facedetect.evaluation.image_detections import ImageDetections

KNOWN_SETTINGS: Mapping[str, DetectionParams] = {
    "defaults": DetectionParams(),
    "recipe": DetectionParams(min_size=10, factor=0.79, thresholds=(0.5, 0.5, 0.3)),
}
"""The defaults of all commands, and the settings MTCNN's author uses for WIDER FACE."""

# Increase it when the same detector would produce other detections than before.
_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][\w .,+-]{0,99}")


@dataclass(frozen=True)
class EvaluationRun:
    """One detector at one setting, with its detections in the dataset's order."""

    detector: str
    identity: str
    setting: str
    params: DetectionParams
    detections: tuple[ImageDetections, ...]

    @property
    def errors(self) -> dict[str, str]:
        """Why images failed, by image name."""
        return {
            answer.image: answer.error for answer in self.detections if answer.error is not None
        }

    @property
    def seconds(self) -> list[float]:
        """The time of each image that did not fail, s."""
        return [answer.seconds for answer in self.detections if answer.error is None]


@dataclass(frozen=True)
class EvaluationProgress:
    """A run's progress: `done` of `total` images, of which `kept` were reused.

    `detections` are those of the image that just finished, None at the start. `failed` counts
    failures since then.
    """

    detector: str
    setting: str
    total: int
    kept: int
    done: int
    failed: int = 0
    detections: ImageDetections | None = None

    def after(self, detections: ImageDetections) -> Self:
        """Return the progress after one more image."""
        failed = self.failed + (detections.error is not None)
        return replace(self, done=self.done + 1, failed=failed, detections=detections)


def evaluate(  # noqa: PLR0913 - all but four have defaults
    dataset: Dataset,
    detectors: Sequence[DetectorAdapter],
    param_sets: Mapping[str, DetectionParams],
    output: Path,
    *,
    threads: int = 1,
    on_progress: Callable[[EvaluationProgress], None] = lambda _: None,
    stop: Event | None = None,
    repeat_errors: bool = True,
) -> Iterator[EvaluationRun]:
    """Run each detector at each setting over all images; yield each run when it is complete.

    Detections are stored in `output`/detections as they arrive. Stored ones for the same detector,
    setting and dataset are reused; failed images are retried if `repeat_errors`. Each detector is
    closed after its runs. `on_progress` is called at the start of each run and after each image.
    Setting `stop` ends the evaluation after the images in progress. Raises InvalidSettings and
    BackendError's subclasses.
    """
    _check_names("detector", [detector.name for detector in detectors])
    _check_names("setting", list(param_sets))
    stop = stop or Event()
    for detector in detectors:
        with closing(detector):
            for setting, params in param_sets.items():
                path = output / "detections" / detector.name / f"{setting}.jsonl"
                with DetectionsFile(path, _describe_run(dataset, detector, params)) as kept:
                    todo = _images_to_do(dataset, kept, repeat_errors=repeat_errors)
                    total = len(dataset.images)
                    done = total - len(todo)
                    progress = EvaluationProgress(detector.name, setting, total, done, done)
                    on_progress(progress)
                    for detections in _detect_all(detector, todo, params, threads, stop):
                        kept.add(detections)
                        progress = progress.after(detections)
                        on_progress(progress)
                    if stop.is_set():
                        return
                    answers = tuple(kept.detections[image.name] for image in dataset.images)
                yield EvaluationRun(detector.name, detector.identity, setting, params, answers)


def _check_names(kind: str, names: Sequence[str]) -> None:
    """Raise InvalidSettings unless the names are distinct and usable as file names."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidSettings(
                f"{name!r} is not a valid name for a {kind}; use up to 100 letters, digits, spaces "
                "and ., +-, starting with a letter or digit"
            )
    duplicates = {name for name in names if names.count(name) > 1}
    if duplicates:
        raise InvalidSettings(
            f"two {kind}s are named {min(duplicates)!r}; use a different name for each"
        )


def _detect_all(
    detector: DetectorAdapter,
    images: list[LabelledImage],
    params: DetectionParams,
    threads: int,
    stop: Event,
) -> Iterator[ImageDetections]:
    """Yield each image's detections as they arrive; start no more images after `stop`."""

    def detect(image: LabelledImage) -> ImageDetections | None:
        return None if stop.is_set() else detector.detect(image, params)

    with ThreadPoolExecutor(threads) as pool:
        try:
            for future in as_completed([pool.submit(detect, image) for image in images]):
                detections = future.result()
                if detections is not None:
                    yield detections
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _images_to_do(
    dataset: Dataset, kept: DetectionsFile, *, repeat_errors: bool
) -> list[LabelledImage]:
    done = {
        name
        for name, detections in kept.detections.items()
        if detections.error is None or not repeat_errors
    }
    return [image for image in dataset.images if image.name not in done]


def _describe_run(
    dataset: Dataset, detector: DetectorAdapter, params: DetectionParams
) -> dict[str, object]:
    """Return everything that determines the detections, and the labels."""
    return {
        "version": _VERSION,
        "detector": detector.identity,
        "parameters": asdict(params),
        "dataset": dataset.fingerprint(),
    }
