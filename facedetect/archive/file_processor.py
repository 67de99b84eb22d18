"""Process one file: read, decode, detect, draw, encode, write."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from threading import Event

from facedetect.archive.output_layout import crop_path, thumbnail_path
from facedetect.archive.output_writer import OutputWriter
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import (
    FileResult,
    FrameProgress,
    ProcessingOptions,
    RunInterrupted,
    is_fatal,
)
from facedetect.archive.reports import Row, failed_row, found_row
from facedetect.archive.storage import Storage
from facedetect.archive.video_processor import VideoJob
from facedetect.crops import CropStyle
from facedetect.detector import Detector
from facedetect.errors import PER_IMAGE_ERRORS, ImageError, InvalidImage, InvalidVideo
from facedetect.faces import Face
from facedetect.images import JPEG_SUFFIXES, check_byte_count
from facedetect.picture import Picture
from facedetect.video import FrameDetectionPool

_LOG = logging.getLogger(__name__)


@dataclass
class FileProcessor:
    """Processes files; thread-safe.

    `workers` frames of a video are searched in parallel; `on_frame` is called after each frame, and
    `stop` abandons it.
    """

    detector: Detector
    options: ProcessingOptions
    source: Storage
    output: Storage
    workers: int = 1
    stop: Event = field(default_factory=Event)
    on_frame: Callable[[FrameProgress], None] = lambda _: None

    def __post_init__(self) -> None:
        self._pool = FrameDetectionPool(self.workers)

    def process(self, file: SourceFile) -> FileResult:
        """Find the faces in a file and write its results; an error of the file becomes its row.

        A failed file leaves no results. Raises errors that must end the run (see `is_fatal`).
        """
        try:
            return self.process_or_raise(file)
        except Exception as error:
            if is_fatal(error):
                raise
            return FileResult(file, _failed_row(file, error), {})

    def process_or_raise(self, file: SourceFile) -> FileResult:
        """Do the same, but raise errors of the file."""
        if self.stop.is_set():
            raise RunInterrupted
        outputs = OutputWriter(self.output)
        try:
            process = self._process_video if file.is_video else self._process_image
            row = process(file, outputs)
        except Exception:
            outputs.discard()
            raise
        return FileResult(file, row, outputs.sizes)

    def _process_video(self, file: SourceFile, outputs: OutputWriter) -> Row:
        job = VideoJob(
            self.detector, file, self.options, outputs, self._pool, self.stop, self.on_frame
        )
        with ExitStack() as stack:
            with _unreadable_as(InvalidVideo):
                path = stack.enter_context(self.source.as_local_file(file.name))
            return job.run(path)

    def _process_image(self, file: SourceFile, outputs: OutputWriter) -> Row:
        with self.detector.open_picture(self._read(file)) as picture:
            image = picture.decode(keep_encoding=self.options.style != "none")
            detection = self.detector.detect_upright(image, self.options.params)
            results = self._write_results(file, picture, detection.faces, outputs)
        return {**found_row(file.name, detection), "results": results}

    def _write_results(
        self, file: SourceFile, picture: Picture, faces: list[Face], outputs: OutputWriter
    ) -> dict[str, object]:
        """Write all output files of a picture; returns their names by kind."""
        options = self.options
        results: dict[str, object] = {}
        if options.style != "none":
            picture.draw(faces, options.style, options.mask)
            suffix = PurePosixPath(file.result).suffix
            data = picture.encode(suffix, options.metadata)
            results["picture"] = outputs.write(file.result, data)
        if options.crops is not None:
            crops = _crops(file, picture, faces, options.crops)
            written = (outputs.write_extra("crop", *crop) for crop in crops)
            results["crops"] = [name for name in written if name is not None]
        if options.thumbnails:
            path = thumbnail_path(file.result)
            if outputs.write_extra("thumbnail", path, picture.thumbnail()):
                results["thumbnail"] = path
        return results | outputs.failed_extras()

    def _read(self, file: SourceFile) -> bytes:
        check_byte_count(file.size, self.detector.limits)
        with _unreadable_as(InvalidImage):
            return self.source.read(file.name)


@contextmanager
def _unreadable_as(kind: type[ImageError]) -> Iterator[None]:
    """Turn errors of one file into errors of that kind."""
    try:
        yield
    except OSError as error:
        if is_fatal(error):
            raise
        raise kind(f"the file cannot be read: {error.strerror or error}") from error


def _crops(
    file: SourceFile, picture: Picture, faces: list[Face], style: CropStyle
) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each face crop: JPEG if the source is JPEG, else lossless."""
    suffix = ".jpg" if file.result.lower().endswith(JPEG_SUFFIXES) else ".png"
    for number, face in enumerate(faces, 1):
        yield crop_path(file.result, number, suffix), picture.crop(face, style, suffix)


def _failed_row(file: SourceFile, error: Exception) -> Row:
    """Return the row of a failed file; log unexpected errors with their traceback.

    One odd file in ten million is no reason to stop.
    """
    if isinstance(error, OSError):
        # Without the storage's path, so that rows are the same everywhere.
        message = f"the results cannot be written: {error.strerror or error}"
        return failed_row(file.name, error, message)
    if not isinstance(error, PER_IMAGE_ERRORS):
        _LOG.error("unexpected error in the file %r", file.name, exc_info=error)
    return failed_row(file.name, error)
