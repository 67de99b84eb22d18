"""The core shared by the HTTP service, the command line and Python callers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, Unpack

import numpy as np
from PIL import Image

from facedetect.argument_checks import (
    check_concurrency,
    check_several,
    is_count,
    shortened,
    type_with_article,
)
from facedetect.backends import Backend, BackendSpec, InferenceRequest, open_backend
from facedetect.cores import available_cores
from facedetect.detection_params import OWN_FILES_MAX_PYRAMID_PIXELS, DetectionParams
from facedetect.errors import PER_IMAGE_ERRORS, InvalidParams, InvalidSettings
from facedetect.faces import Channels, Detection, Face, ImageResult
from facedetect.images import BGRImage, ImageInput, ImageLimits, file_bytes, load_image
from facedetect.model_ref import ModelRef
from facedetect.ordered_map import map_in_order
from facedetect.picture import LocalPicture, Picture
from facedetect.presets import DetectionOptions, detection_params
from facedetect.sandbox import is_supported
from facedetect.view_search import search

if TYPE_CHECKING:
    from facedetect.sandbox.decoder_pool import DecoderPool  # needs Linux
    from facedetect.video import Video

S = TypeVar("S", bound=ImageInput)

DEFAULT_BACKEND = "embedded:"


class Detector:
    """Finds faces in images; safe to share between threads.

        with Detector() as detector:
            for face in detector.detect("group.jpg"):
                print(face.box, face.confidence, face.landmarks.left_eye)

    `backend` is a backend, its spec or its URL (see `BackendSpec.parse`). `max_pyramid_pixels`
    bounds the work of one call and `timeout_s` the model's time, both for all views of the image
    together; None uses the backend's own timeout. With `isolate`, files are decoded in separate
    processes with limited time and memory: `decoders` at a time, by default one per core.
    """

    def __init__(
        self,
        backend: str | BackendSpec | Backend = DEFAULT_BACKEND,
        *,
        limits: ImageLimits | None = None,
        max_pyramid_pixels: float = OWN_FILES_MAX_PYRAMID_PIXELS,
        timeout_s: float | None = None,
        isolate: bool = False,
        decoders: int | None = None,
    ) -> None:
        """Raises InvalidSettings for an invalid URL, or if this system cannot isolate decoders."""
        self.limits = limits or ImageLimits()
        self._decoders = _open_decoders(decoders, self.limits) if isolate else None
        self.backend = open_backend(backend) if isinstance(backend, str | BackendSpec) else backend
        self._max_pyramid_pixels = max_pyramid_pixels
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        """Raises TypeError, which pickle's callers expect."""
        raise TypeError("a Detector cannot be pickled; make one in each process")

    def close(self) -> None:
        """Free the backend and stop the decoders."""
        self.backend.close()
        if self._decoders is not None:
            self._decoders.close()

    def warm_up(self) -> ModelRef:
        """Start the decoders and run the model once, so that the first image need not wait."""
        if self._decoders is not None:
            self._decoders.warm_up()
        blank: BGRImage = np.zeros((64, 64, 3), np.uint8)
        return self.backend.predict(InferenceRequest(blank)).model

    def detect(
        self,
        image: ImageInput,
        params: DetectionParams | None = None,
        *,
        max_faces: int | None = None,
        channels: Channels = "BGR",
        **options: Unpack[DetectionOptions],
    ) -> list[Face]:
        """Find the faces in an image: a path, bytes, an open file, an array or a Pillow image.

            detector.detect("group.jpg", min_size=40)

        Returns the faces by descending confidence; the list may be empty. `max_faces` keeps only
        the largest. `channels` is the channel order of arrays, BGR or RGB. Pass parameters as
        keywords, or reuse `params`. Raises the subclasses of ImageError and BackendError, and
        InvalidParams.
        """
        params = _to_params(params, options)
        return self._detect(image, params, max_faces, channels).faces

    def detect_batch(
        self,
        images: Iterable[S],
        params: DetectionParams | None = None,
        *,
        concurrency: int | None = None,
        max_faces: int | None = None,
        channels: Channels = "BGR",
        **options: Unpack[DetectionOptions],
    ) -> Iterator[ImageResult[S]]:
        """Find the faces in any number of images, several at a time; yields results in their order.

            for result in detector.detect_batch(Path("photos").rglob("*.jpg")):
                print(result.source, result.error or result.detection.faces)

        `images` is any iterable; it is read ahead of the consumed results by at most twice the
        `concurrency`, which is by default one image per core. An image's error becomes its result's
        `error`, and the batch continues. Raises InvalidParams and InvalidSettings at once, and
        BackendUnavailable, which ends the batch.
        """
        params = _to_params(params, options)
        check_several(images)
        workers = available_cores() if concurrency is None else concurrency
        check_concurrency(workers)

        def detect_one(image: S) -> ImageResult[S]:
            try:
                return ImageResult(image, self._detect(image, params, max_faces, channels), None)
            except PER_IMAGE_ERRORS as error:
                return ImageResult(image, None, error)

        return map_in_order(detect_one, images, workers)

    def _detect(
        self, image: Any, params: DetectionParams, max_faces: int | None, channels: Channels
    ) -> Detection:
        if isinstance(image, np.ndarray | Image.Image):
            upright = load_image(image, self.limits, channels=channels)
            return self.detect_upright(upright, params, max_faces=max_faces)
        with self.open_picture(file_bytes(image, self.limits)) as picture:
            return self.detect_upright(picture.decode(), params, max_faces=max_faces)

    def open_picture(self, data: bytes, deadline: float | None = None) -> Picture:
        """Open an image file's bytes, in a separate process if this detector isolates decoders.

        Raises InvalidImage, UnsupportedImage or ImageTooLarge.
        """
        if self._decoders is None:
            return LocalPicture(data, self.limits)
        return self._decoders.open(data, deadline)

    def open_video(self, path: Path, result: Path | None = None) -> AbstractContextManager[Video]:
        """Open a video, in a separate process if this detector isolates decoders.

        `result` is the file that its writer writes. Raises InvalidVideo, UnsupportedVideo or
        ImageTooLarge.
        """
        if self._decoders is None:
            from facedetect.video import open_local_video  # images need none of it

            return open_local_video(path, self.limits, result)
        return self._decoders.open_video(path, result)

    def detect_upright(
        self,
        image: BGRImage,
        params: DetectionParams | None = None,
        *,
        max_faces: int | None = None,
        deadline: float | None = None,
        model: ModelRef | None = None,
    ) -> Detection:
        """Find the faces in a decoded, upright image.

        `deadline` is a time of `time.monotonic`; by default `timeout_s` from now. `model` selects
        another version than the backend's default.
        """
        params = params or DetectionParams()
        if max_faces is not None and not is_count(max_faces):
            raise InvalidParams(
                f"max_faces is {shortened(max_faces)}; it must be an integer of at least 1, or "
                "None for all"
            )
        if deadline is None and self._timeout_s is not None:
            deadline = time.monotonic() + self._timeout_s
        height, width = image.shape[:2]
        params = params.fitted(width, height, self._max_pyramid_pixels)
        request = InferenceRequest(image, params.of_one_view(), deadline, model or ModelRef())
        found, used = search(
            image, params, lambda view: self.backend.predict(replace(request, image=view))
        )
        faces = _largest(found, max_faces)
        faces.sort(key=lambda face: face.confidence, reverse=True)
        return Detection(width, height, faces, used)


def _to_params(params: DetectionParams | None, options: DetectionOptions) -> DetectionParams:
    if params is not None and options:
        raise InvalidParams(
            f"both params and {', '.join(options)} are given; pass either params or keywords"
        )
    if params is None:
        return detection_params(**options)
    if not isinstance(params, DetectionParams):
        raise InvalidParams(
            f"params is {type_with_article(params)}, {shortened(params)}; it must be a "
            "DetectionParams; or pass parameters as keywords, such as min_size=40"
        )
    return params


def _open_decoders(count: int | None, limits: ImageLimits) -> DecoderPool:
    if not is_supported():
        raise InvalidSettings(f"isolate needs Linux, and this is {sys.platform}; leave out isolate")
    from facedetect.sandbox.decoder_pool import DecoderPool

    return DecoderPool(count or available_cores(), limits)


def _largest(faces: list[Face], count: int | None) -> list[Face]:
    if count is None:
        return faces
    return sorted(faces, key=lambda face: face.box.area, reverse=True)[:count]
