"""Doing what is asked for with one file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import PurePosixPath
from threading import Event

from facedetect.crops import CropStyle, cut
from facedetect.detector import Detector
from facedetect.errors import InvalidImage
from facedetect.faces import Face
from facedetect.folder.layout import crop_path, thumbnail_path
from facedetect.folder.outputs import Outputs
from facedetect.folder.pictures import encode_picture
from facedetect.folder.places import Place
from facedetect.folder.plan import Item
from facedetect.folder.reports import Row, failed_row, found_row, make_thumbnail
from facedetect.folder.videos import do_video
from facedetect.folder.work import OF_ONE_IMAGE, Interrupted, Outcome, Work, ends_run
from facedetect.images import BGRImage, SourceImage, check_byte_count, encode_image
from facedetect.render import render
from facedetect.video import FrameDetectionPool

_LOG = logging.getLogger(__name__)


class Worker:
    """Does items, one after the other or several at a time.

    `workers` frames of videos are looked at side by side; `stop` ends a video half done.
    """

    def __init__(
        self,
        detector: Detector,
        work: Work,
        source: Place,
        output: Place,
        workers: int = 1,
        stop: Event | None = None,
    ) -> None:
        self.workers = workers
        self._detector = detector
        self._work = work
        self._source = source
        self._output = output
        self._stop = stop or Event()
        self._frames = FrameDetectionPool(workers)

    def do(self, item: Item) -> Outcome:
        """Look at a file and write what is asked for; what is wrong with it becomes its row.

        A file that fails leaves no results. Raises what ends a run (see `ends_run`).
        """
        if self._stop.is_set():
            raise Interrupted
        outputs = Outputs(self._output)
        try:
            do = self._do_video if item.kind == "video" else self._do_image
            row = do(item, outputs)
        except Exception as error:
            outputs.discard()
            if ends_run(error):
                raise
            return Outcome(item, _failed_row(item, error), {})
        return Outcome(item, row, outputs.sizes)

    def _do_video(self, item: Item, outputs: Outputs) -> Row:
        return do_video(
            self._detector, item, self._work, self._source, outputs, self._frames, self._stop
        )

    def _do_image(self, item: Item, outputs: Outputs) -> Row:
        work = self._work
        with SourceImage.open(self._read(item), self._detector.limits) as source:
            encoding = source.read_encoding() if work.style != "none" else None
            image = source.decode()
        found = self._detector.detect_upright(image, work.params)
        results: dict[str, object] = {}
        shown = image
        if work.style != "none" and encoding is not None:
            shown = render(image, found.faces, work.style)
            suffix = PurePosixPath(item.result).suffix
            picture = encode_picture(shown, suffix, encoding, work.metadata)
            results["picture"] = outputs.write(item.result, picture)
        if work.crops is not None:
            crops = _crops(item, image, found.faces, work.crops)
            results["crops"] = [outputs.write(*crop) for crop in crops]
        if work.thumbnails:
            results["thumbnail"] = outputs.write(thumbnail_path(item.result), make_thumbnail(shown))
        return {**found_row(item.name, found), "results": results}

    def _read(self, item: Item) -> bytes:
        check_byte_count(item.size, self._detector.limits)
        try:
            return self._source.read(item.name)
        except OSError as error:
            if ends_run(error):
                raise
            raise InvalidImage(f"the file cannot be read: {error.strerror or error}") from error


def _crops(
    item: Item, image: BGRImage, faces: list[Face], style: CropStyle
) -> Iterator[tuple[str, bytes]]:
    """Each face's name and bytes; JPEG where the source is, lossless otherwise."""
    suffix = ".jpg" if item.result.lower().endswith((".jpg", ".jpeg")) else ".png"
    for number, face in enumerate(faces, 1):
        yield crop_path(item.result, number, suffix), encode_image(cut(image, face, style), suffix)


def _failed_row(item: Item, error: Exception) -> Row:
    """What the report tells; what nobody foresaw is told to the log with its traceback, too.

    One odd file of ten million is no reason to leave the others undone.
    """
    if isinstance(error, OSError):  # without the place's path: rows are the same everywhere
        words = f"the results cannot be written: {error.strerror or error}"
        return failed_row(item.name, error, words)
    if not isinstance(error, OF_ONE_IMAGE):
        _LOG.error("a bug, met in the file %r", item.name, exc_info=error)
    return failed_row(item.name, error)
