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
from facedetect.folder.layout import crop_path, frames_path, thumbnail_path
from facedetect.folder.outputs import Outputs
from facedetect.folder.places import Place
from facedetect.folder.plan import Item
from facedetect.folder.reports import Row, make_thumbnail, to_json_line
from facedetect.folder.work import Interrupted, Work, ends_run
from facedetect.images import BGRImage, encode_image
from facedetect.render import render
from facedetect.video import (
    Frame,
    FramePool,
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
    outputs: Outputs,
    pool: FramePool,
    stop: Event,
) -> Row:
    """Do what is asked for with one video, its frames looked at in the pool; returns its row.

    Raises ImageError's subclasses, InvalidParams, BackendError's, OSError if the results cannot be
    written, and Interrupted when `stop` is set.
    """
    job = _Job(detector, item, work, outputs, pool, stop)
    with ExitStack() as stack:
        try:
            path = stack.enter_context(source.read_from(item.name))
        except OSError as error:
            if ends_run(error):
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
    """One video's work."""

    def __init__(
        self,
        detector: Detector,
        item: Item,
        work: Work,
        outputs: Outputs,
        pool: FramePool,
        stop: Event,
    ) -> None:
        self._detector = detector
        self._item = item
        self._work = work
        self._outputs = outputs
        self._pool = pool
        self._stop = stop
        self._crops: dict[int, str] = {}
        self._thumbnail: str | None = None

    def do(self, path: Path) -> Row:
        name = frames_path(self._item.result)
        with self._outputs.written_to(name) as looks:
            found = self._find(path, looks)
            results = self._show(path, found)
        return _row(self._item, found, {**results, "frames": name})

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
            self._pool,
            stride=self._work.stride,
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
        with self._outputs.written_to(name) as path:
            container = container_of(name)
            with written_video(
                path, container, reader, found.pictures, keep_tags=keep_tags
            ) as writer:
                self._read_again(reader, found, writer)
            found.facts["damaged"] += writer.damaged
            found.facts["left_out"] = writer.left_out
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
                thumbnail = make_thumbnail(shown)
                self._thumbnail = self._outputs.write(thumbnail_path(self._item.result), thumbnail)
            if writer is not None:
                writer.write(frame, shown)

    def _shown(self, image: BGRImage, faces: list[Face]) -> BGRImage:
        return image if self._work.style == "none" else render(image, faces, self._work.style)

    def _write_crop(self, number: int, image: BGRImage, face: Face) -> str:
        cropped = cut(image, face, self._work.crops or "plain")
        name = crop_path(self._item.result, number, ".jpg")
        return self._outputs.write(name, encode_image(cropped, ".jpg"))


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
