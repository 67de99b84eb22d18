"""Doing what is asked for with one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from threading import Event

from facedetect.crops import CropStyle, cut
from facedetect.detector import Detector
from facedetect.errors import InvalidImage
from facedetect.faces import Face
from facedetect.folder.pictures import encode_picture
from facedetect.folder.places import Place
from facedetect.folder.plan import Item
from facedetect.folder.reports import failed_row, found_row, make_thumbnail
from facedetect.folder.videos import do_video
from facedetect.folder.work import NO_ROOM, OF_ONE_IMAGE, OUTAGES, Interrupted, Outcome, Work
from facedetect.images import BGRImage, check_byte_count, decode_image, encode_image
from facedetect.render import render


@dataclass(frozen=True)
class Worker:
    """Does items, one after the other or several at a time.

    `workers` frames of a video are looked at side by side; `stop` ends one half done.
    """

    detector: Detector
    work: Work
    source: Place
    output: Place
    workers: int = 1
    stop: Event = field(default_factory=Event)

    def do(self, item: Item) -> Outcome:
        """Look at a file and write what is asked for; what is wrong with it becomes its row.

        Raises BackendUnavailable, Interrupted, and OSError if there is no room for results, or a
        place is out of reach.
        """
        if self.stop.is_set():
            raise Interrupted
        try:
            return self._do_video(item) if item.kind == "video" else self._do_image(item)
        except OF_ONE_IMAGE as error:
            return Outcome(item, failed_row(item.name, error), {})
        except OUTAGES:
            raise
        except OSError as error:
            if error.errno in NO_ROOM:
                raise
            return Outcome(item, failed_row(item.name, _told(error)), {})

    def _do_video(self, item: Item) -> Outcome:
        return do_video(
            self.detector, item, self.work, self.source, self.output, self.workers, self.stop
        )

    def _do_image(self, item: Item) -> Outcome:
        data = self._read(item)
        image = decode_image(data, self.detector.limits)
        found = self.detector.detect_upright(image, self.work.params)
        files = _Files(self.output)
        results: dict[str, object] = {}
        shown = image
        if self.work.style != "none":
            shown = render(image, found.faces, self.work.style)
            suffix = PurePosixPath(item.result).suffix
            limits = self.detector.limits
            picture = encode_picture(shown, suffix, data, self.work.metadata, limits)
            results["picture"] = files.write(item.result, picture)
        if self.work.crops is not None:
            crops = _crops(item, image, found.faces, self.work.crops)
            results["crops"] = [files.write(*crop) for crop in crops]
        if self.work.thumbnails:
            results["thumbnail"] = files.write(item.thumbnail_path, make_thumbnail(shown))
        return Outcome(item, {**found_row(item.name, found), "results": results}, files.sizes)

    def _read(self, item: Item) -> bytes:
        check_byte_count(item.size, self.detector.limits)
        try:
            return self.source.read(item.name)
        except OUTAGES:
            raise
        except OSError as error:
            raise InvalidImage(f"the file cannot be read: {error.strerror or error}") from error


def _crops(
    item: Item, image: BGRImage, faces: list[Face], style: CropStyle
) -> Iterator[tuple[str, bytes]]:
    """Each face's name and bytes; JPEG where the source is, lossless otherwise."""
    suffix = ".jpg" if item.result.lower().endswith((".jpg", ".jpeg")) else ".png"
    for number, face in enumerate(faces, 1):
        yield item.crop_path(number, suffix), encode_image(cut(image, face, style), suffix)


class _Files:
    """Writes an item's files and remembers their sizes, by which a later run knows them."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.sizes: dict[str, int] = {}

    def write(self, name: str, data: bytes) -> str:
        self._place.write(name, data)
        self.sizes[name] = len(data)
        return name


def _told(error: OSError) -> OSError:
    """The same without the place's path: rows are the same wherever the archive lies."""
    return type(error)(f"the results cannot be written: {error.strerror or error}")
