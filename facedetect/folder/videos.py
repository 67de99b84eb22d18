"""One video of a folder: its faces found, followed, drawn or hidden, and told about.

It is read twice: where faces are in a frame is known only when those behind it have been looked
at, and frames are too large to wait for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any

from facedetect.crops import cut
from facedetect.detector import Detector
from facedetect.errors import InvalidVideo
from facedetect.faces import Face
from facedetect.folder.places import Place
from facedetect.folder.plan import Item
from facedetect.folder.reports import Row, make_thumbnail, to_json_line
from facedetect.folder.work import NO_ROOM, OUTAGES, Interrupted, Outcome, Work
from facedetect.images import BGRImage, encode_image
from facedetect.render import render
from facedetect.video import (
    Frame,
    Hit,
    Look,
    Pictures,
    Tracker,
    Tracks,
    VideoReader,
    VideoWriter,
    container_of,
    look_at_frames,
    opened_video,
    written_video,
)

# Times in reports: microseconds, as fine as any container's.
_DIGITS = 6


def do_video(
    detector: Detector,
    item: Item,
    work: Work,
    source: Place,
    output: Place,
    workers: int,
    stop: Event | None = None,
) -> Outcome:
    """Do what is asked for with one video; `workers` frames are looked at side by side.

    Raises ImageError's subclasses, InvalidParams, BackendError's, OSError if the results cannot be
    written, and Interrupted when `stop` is set.
    """
    job = _Job(detector, item, work, output, workers, stop or Event())
    with ExitStack() as stack:
        try:
            path = stack.enter_context(source.read_from(item.name))
        except OSError as error:
            if error.errno in NO_ROOM or isinstance(error, OUTAGES):  # for a copy of it here
                raise
            raise InvalidVideo(f"the file cannot be read: {error.strerror or error}") from error
        return job.do(path)


@dataclass
class _Found:
    """What the first reading found out."""

    pictures: Pictures
    tracks: Tracks
    facts: dict[str, Any]
    fullest_frame: int

    def best_hits(self) -> dict[int, list[tuple[int, Face]]]:
        """The tracks that are seen best in a frame, and their faces there, by the frame."""
        hits: dict[int, list[tuple[int, Face]]] = {}
        for track in self.tracks.tracks:
            hits.setdefault(track.best.frame, []).append((track.number, track.best.face))
        return hits


class _Job:
    """One video's work; `sizes` are those of the files written so far."""

    def __init__(
        self,
        detector: Detector,
        item: Item,
        work: Work,
        output: Place,
        workers: int,
        stop: Event,
    ) -> None:
        self._detector = detector
        self._item = item
        self._work = work
        self._output = output
        self._workers = workers
        self._stop = stop
        self._sizes: dict[str, int] = {}
        self._crops: dict[int, str] = {}
        self._thumbnail: str | None = None

    def do(self, path: Path) -> Outcome:
        name = f"{self._item.result}.faces.jsonl"
        with self._output.written_to(name) as looks:
            found = self._find(path, looks)
            results = self._show(path, found)
            self._sizes[name] = looks.stat().st_size
        return Outcome(
            self._item, _row(self._item, found, {**results, "frames": name}), self._sizes
        )

    def _find(self, path: Path, looks: Path) -> _Found:
        """Look at the frames, and tell of each one in the file `looks`."""
        tracker = Tracker()
        looked_at = most = fullest = 0
        with (
            opened_video(path, self._detector.limits) as reader,
            looks.open("w", encoding="utf-8") as lines,
        ):
            for look in self._looks(reader):
                numbers = tracker.look(look.frame, look.time_s, look.faces)
                lines.write(to_json_line(_told(look, numbers)))
                looked_at += 1
                if len(look.faces) > most:
                    most, fullest = len(look.faces), look.frame
        pictures = reader.pictures
        tracks = tracker.finish(reader.seconds, pictures.width, pictures.height)
        facts = {
            "frames": reader.frame_count,
            "looked_at": looked_at,
            "seconds": round(reader.seconds, _DIGITS),
            "tracks": len(tracks.tracks),
            "damaged": reader.damaged,
            "missing_s": round(reader.missing_s, _DIGITS),
        }
        return _Found(pictures, tracks, facts, fullest)

    def _looks(self, reader: VideoReader) -> Iterator[Look]:
        def find(image: BGRImage) -> list[Face]:
            return self._detector.detect_upright(image, self._work.params).faces

        return look_at_frames(
            self._unless_stopped(reader.frames()),
            find,
            stride=self._work.stride,
            workers=self._workers,
        )

    def _unless_stopped(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            if self._stop.is_set():
                raise Interrupted
            yield frame

    def _show(self, path: Path, found: _Found) -> dict[str, object]:
        """Write the video, the crops and the thumbnail, as far as they are asked for."""
        results: dict[str, object] = {}
        with opened_video(path, self._detector.limits) as reader:
            if self._work.style == "none":
                self._read_again(reader, found, None)
            else:
                results["picture"] = self._write(reader, found)
        if self._work.crops is not None:
            results["crops"] = [self._crops[number] for number in sorted(self._crops)]
        if self._thumbnail is not None:
            results["thumbnail"] = self._thumbnail
        return results

    def _write(self, reader: VideoReader, found: _Found) -> str:
        name = self._item.result
        keep_tags = self._work.metadata == "keep"
        with self._output.written_to(name) as path:
            container = container_of(name)
            with written_video(
                path, container, reader, found.pictures, keep_tags=keep_tags
            ) as writer:
                self._read_again(reader, found, writer)
            found.facts["left_out"] = writer.left_out
            self._sizes[name] = path.stat().st_size
        return name

    def _read_again(self, reader: VideoReader, found: _Found, writer: VideoWriter | None) -> None:
        """Do with each frame what is asked for; ends early where nothing more is."""
        best_hits = found.best_hits() if self._work.crops is not None else {}
        for_thumbnail = {found.fullest_frame} if self._work.thumbnails else set()
        last = max([*best_hits, *for_thumbnail], default=-1)
        on_packet = writer.copy if writer is not None else None
        for frame in self._unless_stopped(reader.frames(on_packet)):
            if writer is None and frame.number > last:
                return
            if writer is None and frame.number not in for_thumbnail | best_hits.keys():
                continue
            image = frame.image()
            for number, face in best_hits.get(frame.number, []):
                self._crops[number] = self._write_crop(number, image, face)
            shown = self._shown(image, found.tracks.faces_at(frame.time_s))
            if frame.number in for_thumbnail:
                self._thumbnail = self._write_file(self._item.thumbnail_path, make_thumbnail(shown))
            if writer is not None:
                writer.write(frame, shown)

    def _shown(self, image: BGRImage, faces: list[Face]) -> BGRImage:
        return image if self._work.style == "none" else render(image, faces, self._work.style)

    def _write_crop(self, number: int, image: BGRImage, face: Face) -> str:
        cropped = cut(image, face, self._work.crops or "plain")
        return self._write_file(self._item.crop_path(number, ".jpg"), encode_image(cropped, ".jpg"))

    def _write_file(self, name: str, data: bytes) -> str:
        self._output.write(name, data)
        self._sizes[name] = len(data)
        return name


def _told(look: Look, numbers: list[int]) -> Row:
    """A frame's line: its faces with their tracks."""
    faces = [{"track": n, **asdict(face)} for n, face in zip(numbers, look.faces, strict=True)]
    return {"frame": look.frame, "time_s": round(look.time_s, _DIGITS), "faces": faces}


def _row(item: Item, found: _Found, results: dict[str, object]) -> Row:
    return {
        "file": item.name,
        "status": "ok",
        "width": found.pictures.width,
        "height": found.pictures.height,
        "video": found.facts,
        "faces": [
            _track_row(track.number, track.best, track.first_s, track.last_s)
            for track in found.tracks.tracks
        ],
        "results": results,
    }


def _track_row(number: int, best: Hit, first_s: float, last_s: float) -> Row:
    """A face where the detector was surest of it, and when it was in the picture."""
    return {
        **asdict(best.face),
        "track": number,
        "frame": best.frame,
        "time_s": round(best.time_s, _DIGITS),
        "first_s": round(first_s, _DIGITS),
        "last_s": round(last_s, _DIGITS),
    }
