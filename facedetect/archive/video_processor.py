"""Process one video: detect, track, mark or hide, and report its faces.

The file is read twice: the faces of a frame are known only after later frames have been processed,
and frames are too large to keep until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Any

from facedetect.archive.output_layout import crop_path, frames_path, thumbnail_path
from facedetect.archive.output_writer import OutputWriter
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import (
    FrameProgress,
    ProcessingOptions,
    RunInterrupted,
    VideoStage,
)
from facedetect.archive.reports import Row, to_json_line
from facedetect.crops import cut
from facedetect.detector import Detector
from facedetect.faces import Face
from facedetect.images import BGRImage, encode_image, make_thumbnail
from facedetect.render import render
from facedetect.video import (
    CONTAINERS,
    Frame,
    FrameDetectionPool,
    FrameDetections,
    FrameSize,
    FrameWriter,
    Observation,
    Tracker,
    TrackingResult,
    Video,
)

# Times in reports have microseconds, as fine as any container's.
_DIGITS = 6


@dataclass
class _FirstPass:
    """The result of the first pass over the video."""

    frame_size: FrameSize
    tracking: TrackingResult
    facts: dict[str, Any]
    fullest_frame: int

    def best_faces(self) -> dict[int, list[tuple[int, Face]]]:
        """Map frame numbers to the tracks with their best observation there, and its face."""
        faces: dict[int, list[tuple[int, Face]]] = {}
        for track in self.tracking.tracks:
            faces.setdefault(track.best.frame_number, []).append((track.number, track.best.face))
        return faces


@dataclass(frozen=True)
class VideoJob:
    """One video and what to do with it; detection runs in the `pool`."""

    detector: Detector
    file: SourceFile
    options: ProcessingOptions
    outputs: OutputWriter
    pool: FrameDetectionPool
    stop: Event
    on_frame: Callable[[FrameProgress], None] = lambda _: None

    def run(self, path: Path) -> Row:
        """Process the video; returns its report row.

        Raises ImageError's subclasses, InvalidParams, BackendError's, OSError if the results cannot
        be written, and RunInterrupted when `stop` is set.
        """
        name = frames_path(self.file.result)
        with self.outputs.local_draft(name) as lines:
            found = self._find(path, lines)
            results = self._show(path, found)
        return _row(self.file, found, {**results, "frames": name})

    def _find(self, path: Path, lines_path: Path) -> _FirstPass:
        """Detect and track the faces; write a line for each processed frame."""
        tracker = Tracker()
        looked_at = most = fullest = 0
        with (
            self.detector.open_video(path) as video,
            lines_path.open("w", encoding="utf-8") as lines,
        ):
            for detections in self._detect(video):
                number, faces = detections.frame_number, detections.faces
                track_numbers = tracker.update(number, detections.time_s, faces)
                lines.write(to_json_line(_frame_row(detections, track_numbers)))
                looked_at += 1
                if len(faces) > most:
                    most, fullest = len(faces), number
            read = video.facts
        size = read.frame_size
        tracking = tracker.finish(read.duration_s, size.width, size.height)
        facts = {
            "frames": read.frame_count,
            "looked_at": looked_at,
            "seconds": round(read.duration_s, _DIGITS),
            "tracks": len(tracking.tracks),
            "damaged": read.damaged,
            "missing_s": round(read.missing_s, _DIGITS),
        }
        return _FirstPass(size, tracking, facts, fullest)

    def _detect(self, video: Video) -> Iterator[FrameDetections]:
        def detect_faces(image: BGRImage) -> list[Face]:
            return self.detector.detect_upright(image, self.options.params).faces

        stride = self.options.stride
        frames = self._watched(video, "finding faces", lambda number: number % stride == 0)
        return self.pool.detect_in_frames(frames, detect_faces, stride=stride)

    def _watched(
        self, video: Video, stage: VideoStage, is_needed: Callable[[int], bool]
    ) -> Iterator[Frame]:
        """Yield the frames, report progress, and end when `stop` is set."""
        total = video.expected_frames
        for frame in video.frames(is_needed):
            if self.stop.is_set():
                raise RunInterrupted
            yield frame
            self.on_frame(FrameProgress(self.file, stage, frame.number + 1, total))

    def _show(self, path: Path, found: _FirstPass) -> dict[str, object]:
        """Write the video, the crops and the thumbnail, as requested."""
        if self.options.style != "none":
            return self._write(path, found)
        with self.detector.open_video(path) as video:
            return self._read_again(video, found, None)

    def _write(self, path: Path, found: _FirstPass) -> dict[str, object]:
        name = self.file.result
        container = CONTAINERS[PurePosixPath(name).suffix.lower()]
        keep_tags = self.options.metadata == "keep"
        with (
            self.outputs.local_draft(name) as draft,
            self.detector.open_video(path, draft) as video,
        ):
            with video.writer(container, found.frame_size, keep_tags=keep_tags) as writer:
                results = self._read_again(video, found, writer)
            found.facts["damaged"] += writer.damaged
            found.facts["left_out"] = writer.left_out
        return {"picture": name, **results}

    def _read_again(
        self, video: Video, found: _FirstPass, writer: FrameWriter | None
    ) -> dict[str, object]:
        """Render, crop and write each frame as requested; stop early if nothing is left to do."""
        best_faces = found.best_faces() if self.options.crops is not None else {}
        for_thumbnail = {found.fullest_frame} if self.options.thumbnails else set()
        shown_alone = best_faces.keys() | for_thumbnail
        last = max(shown_alone, default=-1)
        crops: dict[int, str] = {}
        results: dict[str, object] = {}

        def is_needed(number: int) -> bool:
            return writer is not None or number in shown_alone

        for frame in self._watched(video, "writing", is_needed):
            if writer is None and frame.number > last:
                break
            if not is_needed(frame.number):
                continue
            image = frame.to_bgr()
            for number, face in best_faces.get(frame.number, []):
                if name := self._write_crop(number, image, face):
                    crops[number] = name
            shown = self._shown(image, found.tracking.faces_at(frame.time_s))
            if frame.number in for_thumbnail:
                results |= self._write_thumbnail(shown)
            if writer is not None:
                writer.write(frame.ticks, shown)
        results |= self.outputs.failed_extras()
        if self.options.crops is None:
            return results
        return {"crops": [crops[number] for number in sorted(crops)], **results}

    def _shown(self, image: BGRImage, faces: list[Face]) -> BGRImage:
        style = self.options.style
        return image if style == "none" else render(image, faces, style, self.options.mask)

    def _write_thumbnail(self, shown: BGRImage) -> dict[str, object]:
        path = thumbnail_path(self.file.result)
        name = self.outputs.write_extra("thumbnail", path, make_thumbnail(shown))
        return {"thumbnail": name} if name else {}

    def _write_crop(self, number: int, image: BGRImage, face: Face) -> str | None:
        cropped = cut(image, face, self.options.crops or "plain")
        name = crop_path(self.file.result, number, ".jpg")
        return self.outputs.write_extra("crop", name, encode_image(cropped, ".jpg"))


def _frame_row(detections: FrameDetections, track_numbers: list[int]) -> Row:
    """Return a frame's line: its faces with their tracks."""
    pairs = zip(track_numbers, detections.faces, strict=True)
    return {
        "frame": detections.frame_number,
        "time_s": round(detections.time_s, _DIGITS),
        "faces": [{"track": number, **face.to_dict()} for number, face in pairs],
    }


def _row(file: SourceFile, found: _FirstPass, results: dict[str, object]) -> Row:
    return {
        "file": file.name,
        "status": "ok",
        "width": found.frame_size.width,
        "height": found.frame_size.height,
        "video": found.facts,
        "faces": [
            _track_row(track.number, track.best, track.first_s, track.last_s)
            for track in found.tracking.tracks
        ],
        "results": results,
    }


def _track_row(number: int, best: Observation, first_s: float, last_s: float) -> Row:
    """Return a track's best observation, and when its face was first and last detected."""
    return {
        **best.face.to_dict(),
        "track": number,
        "frame": best.frame_number,
        "time_s": round(best.time_s, _DIGITS),
        "first_s": round(first_s, _DIGITS),
        "last_s": round(last_s, _DIGITS),
    }
