"""What is evaluated: a backend of ours, or any program that answers a line for a line."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Protocol, Self

import numpy as np

from facedetect.backends import BackendSpec
from facedetect.detector import Detector
from facedetect.errors import PER_IMAGE_ERRORS
from facedetect.evaluation.detections import Found, nothing_found
from facedetect.evaluation.truth import LabelledImage
from facedetect.faces import DetectionParams, Face
from facedetect.images import ImageLimits


class Subject(Protocol):
    """Finds faces in the pictures of a truth; safe to share between threads.

    `identity` is all that decides its answers but the parameters and the pictures: where it
    changes, earlier answers are of no use.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    def detect(self, image: LabelledImage, params: DetectionParams) -> Found:
        """Find the faces of one picture; what prevents that is the answer's `error`.

        Raises BackendError's subclasses where the next picture would fail as well.
        """
        ...

    def close(self) -> None: ...


class BackendSubject:
    """A detector, which looks at its first picture once it is warmed up."""

    def __init__(self, name: str, detector: Detector, identity: str) -> None:
        self.name = name
        self.identity = identity
        self._detector = detector
        self._lock = threading.Lock()
        self._is_warm = False

    @classmethod
    def open(cls, name: str, url: str, limits: ImageLimits | None = None) -> Self:
        """Open a backend by its URL, with no limit on its work or time: no picture is left out.

        Raises InvalidSettings, and BackendUnavailable if there is no such model.
        """
        spec = BackendSpec.parse(url)
        detector = Detector(spec, limits=limits, max_pyramid_pixels=float("inf"))
        return cls(name, detector, f"{url}, {_model_behind(spec, detector)}")

    def detect(self, image: LabelledImage, params: DetectionParams) -> Found:
        self._warm_up()
        started = time.perf_counter()
        try:
            faces = self._detector.detect(image.path, params)
        except PER_IMAGE_ERRORS as error:
            return nothing_found(image.name, str(error), time.perf_counter() - started)
        return _to_found(image.name, faces, time.perf_counter() - started)

    def close(self) -> None:
        self._detector.close()

    def _warm_up(self) -> None:
        with self._lock:
            if not self._is_warm:
                self._detector.warm_up()
                self._is_warm = True


def _to_found(name: str, faces: list[Face], seconds: float) -> Found:
    sides = [(f.box.x_min, f.box.y_min, f.box.x_max, f.box.y_max) for f in faces]
    points = [[(point.x, point.y) for point in face.landmarks] for face in faces]
    return Found(
        name,
        np.array(sides, np.float64).reshape(-1, 4),
        np.array([face.confidence for face in faces], np.float64),
        np.array(points, np.float64).reshape(-1, 5, 2),
        seconds,
    )


def _model_behind(spec: BackendSpec, detector: Detector) -> str:
    """What answers: a version, for models in this process their content, as numbers say little."""
    if not spec.is_in_process:
        return str(detector.backend.check_ready())
    from facedetect.model.builtin import builtin_model
    from facedetect.model.graph_files import SAVED_MODEL_FILE, version_folder

    folder = spec.folder or builtin_model()
    graph = version_folder(folder, spec.model.version) / SAVED_MODEL_FILE
    return hashlib.sha256(graph.read_bytes()).hexdigest()
