"""Processing one file: read, decode, detect, draw, encode, write."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from threading import Event

from facedetect.archive.output_layout import crop_path, thumbnail_path
from facedetect.archive.output_writer import OutputWriter
from facedetect.archive.picture_encoding import encode_picture
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import FileResult, ProcessingOptions, RunInterrupted, is_fatal
from facedetect.archive.reports import Row, failed_row, found_row, make_thumbnail
from facedetect.archive.storage import Storage
from facedetect.archive.video_processor import VideoJob
from facedetect.crops import CropStyle, cut
from facedetect.detector import Detector
from facedetect.errors import PER_IMAGE_ERRORS, ImageError, InvalidImage, InvalidVideo
from facedetect.faces import Face
from facedetect.images import BGRImage, SourceImage, check_byte_count, encode_image
from facedetect.render import render
from facedetect.video import FrameDetectionPool

_LOG = logging.getLogger(__name__)


class FileProcessor:
    """Processes files, one after the other or several at a time.

    Of a video, `workers` frames are searched for faces at a time; `stop` ends it unfinished.
    """

    def __init__(
        self,
        detector: Detector,
        options: ProcessingOptions,
        source: Storage,
        output: Storage,
        workers: int = 1,
        stop: Event | None = None,
    ) -> None:
        self.workers = workers
        self._detector = detector
        self._options = options
        self._source = source
        self._output = output
        self._stop = stop or Event()
        self._frames = FrameDetectionPool(workers)

    def process(self, file: SourceFile) -> FileResult:
        """Find the faces of a file and write its results; an error of the file becomes its row.

        A file that fails leaves no results. Raises errors that end the run (see `is_fatal`).
        """
        if self._stop.is_set():
            raise RunInterrupted
        outputs = OutputWriter(self._output)
        try:
            process = self._process_video if file.kind == "video" else self._process_image
            row = process(file, outputs)
        except Exception as error:
            outputs.discard()
            if is_fatal(error):
                raise
            return FileResult(file, _failed_row(file, error), {})
        return FileResult(file, row, outputs.sizes)

    def _process_video(self, file: SourceFile, outputs: OutputWriter) -> Row:
        job = VideoJob(self._detector, file, self._options, outputs, self._frames, self._stop)
        with ExitStack() as stack:
            with _unreadable_as(InvalidVideo):
                path = stack.enter_context(self._source.as_local_file(file.name))
            return job.run(path)

    def _process_image(self, file: SourceFile, outputs: OutputWriter) -> Row:
        options = self._options
        with SourceImage.open(self._read(file), self._detector.limits) as source:
            encoding = source.read_encoding() if options.style != "none" else None
            image = source.decode()
        detection = self._detector.detect_upright(image, options.params)
        results: dict[str, object] = {}
        shown = image
        if options.style != "none" and encoding is not None:
            shown = render(image, detection.faces, options.style)
            suffix = PurePosixPath(file.result).suffix
            picture = encode_picture(shown, suffix, encoding, options.metadata)
            results["picture"] = outputs.write(file.result, picture)
        if options.crops is not None:
            crops = _crops(file, image, detection.faces, options.crops)
            results["crops"] = [outputs.write(*crop) for crop in crops]
        if options.thumbnails:
            results["thumbnail"] = outputs.write(thumbnail_path(file.result), make_thumbnail(shown))
        return {**found_row(file.name, detection), "results": results}

    def _read(self, file: SourceFile) -> bytes:
        check_byte_count(file.size, self._detector.limits)
        with _unreadable_as(InvalidImage):
            return self._source.read(file.name)


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
    file: SourceFile, image: BGRImage, faces: list[Face], style: CropStyle
) -> Iterator[tuple[str, bytes]]:
    """Give the name and bytes of each face's crop: JPEG if the source is, lossless otherwise."""
    suffix = ".jpg" if file.result.lower().endswith((".jpg", ".jpeg")) else ".png"
    for number, face in enumerate(faces, 1):
        yield crop_path(file.result, number, suffix), encode_image(cut(image, face, style), suffix)


def _failed_row(file: SourceFile, error: Exception) -> Row:
    """Return the row of a file that failed; unexpected errors are logged with their traceback.

    One odd file of ten million is no reason to stop.
    """
    if isinstance(error, OSError):  # without the storage's path: rows are the same everywhere
        message = f"the results cannot be written: {error.strerror or error}"
        return failed_row(file.name, error, message)
    if not isinstance(error, PER_IMAGE_ERRORS):
        _LOG.error("unexpected error in the file %r", file.name, exc_info=error)
    return failed_row(file.name, error)
