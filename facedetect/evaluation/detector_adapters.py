"""The detector interface of the evaluation, and the adapter for facedetect's backends."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Protocol, Self

import numpy as np

import facedetect
from facedetect.backends import BackendSpec
from facedetect.detection_params import DetectionParams
from facedetect.detector import Detector
from facedetect.errors import PER_IMAGE_ERRORS
from facedetect.evaluation.dataset import LANDMARK_COUNT, LabelledImage
from facedetect.evaluation.image_detections import ImageDetections
from facedetect.faces import Face
from facedetect.images import ImageLimits
from facedetect.mtcnn.weights import default_weights_path


class DetectorAdapter(Protocol):
    """Finds the faces of labelled images; thread-safe.

    `identity` changes with everything that determines the detections, except image and parameters:
    detections of another identity are not reused.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    def detect(self, image: LabelledImage, params: DetectionParams) -> ImageDetections:
        """Find the faces in one image; a failure becomes the `error` of the result.

        Raises BackendError's subclasses if all other images would fail, too.
        """
        ...

    def close(self) -> None: ...


class BackendAdapter:
    """A detector on a backend."""

    def __init__(self, name: str, detector: Detector, identity: str) -> None:
        self.name = name
        self.identity = identity
        self._detector = detector

    @classmethod
    def open(cls, name: str, url: str, limits: ImageLimits | None = None) -> Self:
        """Open a backend by its URL and warm it up.

        It has no limits on work and time, so that no image is rejected.
        Raises InvalidSettings, and BackendUnavailable if there is no such model.
        """
        spec = BackendSpec.parse(url)
        detector = Detector(spec, limits=limits, max_pyramid_pixels=float("inf"))
        detector.warm_up()
        return cls(name, detector, f"{url}, {_model_behind(spec, detector)}")

    def detect(self, image: LabelledImage, params: DetectionParams) -> ImageDetections:
        started = time.perf_counter()
        try:
            faces = self._detector.detect(image.path, params)
        except PER_IMAGE_ERRORS as error:
            return ImageDetections.failed(image.name, str(error), time.perf_counter() - started)
        return to_detections(image.name, faces, time.perf_counter() - started)

    def close(self) -> None:
        self._detector.close()


def to_detections(image: str, faces: list[Face], seconds: float) -> ImageDetections:
    """Convert faces, most confident first, to the evaluation's format."""
    return ImageDetections(
        image,
        np.array([face.box.xyxy for face in faces], np.float64).reshape(-1, 4),
        np.array([face.confidence for face in faces], np.float64),
        np.array([face.landmarks.xy for face in faces], np.float64).reshape(-1, LANDMARK_COUNT, 2),
        seconds,
    )


def _model_behind(spec: BackendSpec, detector: Detector) -> str:
    """Identify the model: in-process by a hash, otherwise by name and version."""
    if spec.scheme == "embedded":
        return _engine_fingerprint(spec.weights or default_weights_path(), detector)
    if spec.folder is None:
        return str(detector.backend.check_ready())
    from facedetect.model.graph_files import SAVED_MODEL_FILE, version_folder

    graph = version_folder(spec.folder, spec.model.version) / SAVED_MODEL_FILE
    return hashlib.sha256(graph.read_bytes()).hexdigest()


def _engine_fingerprint(weights: Path, detector: Detector) -> str:
    """Hash weights and engine code; add the instruction set, which affects rounding."""
    from facedetect.engine import _native

    code = [*_modules("engine"), *_modules("mtcnn"), Path(_native.__file__)]
    digest = hashlib.sha256()
    for path in [weights, *code]:
        digest.update(path.read_bytes())
    return f"{digest.hexdigest()}, {detector.backend.instruction_set}"


def _modules(part: str) -> list[Path]:
    return sorted((Path(facedetect.__file__).parent / part).glob("*.py"))
