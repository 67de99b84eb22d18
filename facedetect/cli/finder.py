"""How `facedetect detect` finds faces: with its own model, or by calling a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from facedetect.cli.waiting import waiting
from facedetect.detection_params import DetectionParams
from facedetect.errors import InvalidSettings
from facedetect.faces import Detection
from facedetect.presets import to_options
from facedetect.settings import ClientSettings, DetectorSettings

Finder = Callable[[Path | bytes], Detection]
"""Finds the faces of an image, a path or the file's bytes."""


@contextmanager
def open_finder(
    client: ClientSettings, backend: str | None, params: DetectionParams, max_faces: int | None
) -> Iterator[Finder]:
    """Connect to the configured service, or open the detector and load its model.

    Raises InvalidSettings and BackendError's subclasses.
    """
    if client.server is not None:
        if backend is not None:
            raise InvalidSettings(
                "--server and --backend exclude each other: a service has its own backend; give one"
            )
        from facedetect.client import Client

        options = to_options(params)
        with Client(client.server, api_key=client.api_key) as service:
            yield lambda image: service.detect(image, max_faces=max_faces, **options)
        return
    from facedetect.images import load_image

    with DetectorSettings.load(backend=backend).open_detector() as detector:
        with waiting("loading the model"):
            detector.warm_up()
        yield lambda image: detector.detect_upright(
            load_image(image, detector.limits), params, max_faces=max_faces
        )
