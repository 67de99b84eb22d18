"""`annotate_file`: process one picture or video as `annotate_folder` does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Unpack

from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.media_suffixes import added_suffix, is_video
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import FileOptions, FrameProgress, processing_options
from facedetect.archive.reports import Row
from facedetect.archive.storage import LocalStorage
from facedetect.cores import available_cores
from facedetect.detector import Detector
from facedetect.errors import InvalidSettings
from facedetect.images import check_encoded_suffix
from facedetect.video import CONTAINERS


def annotate_file(
    detector: Detector,
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    on_frame: Callable[[FrameProgress], None] = lambda _: None,
    stop: Event | None = None,
    **options: Unpack[FileOptions],
) -> Row:
    """Mark or hide the faces in a copy of a picture or video; returns its report row.

        with Detector() as detector:
            annotate_file(detector, "party.mp4", "public.mp4", style="blur")

    The suffix decides whether a file is a video, and the format of `output`, which is written
    atomically. `on_frame` is called after each frame of a video. Set `stop` from another thread to
    end early: RunInterrupted is raised. See FileOptions for the rest.

    Raises ImageError's and BackendError's subclasses, InvalidParams, InvalidSettings, and OSError
    if the result cannot be written.
    """
    source, output = Path(source), Path(output)
    check_output(source, output)
    processing = processing_options(options)
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".facedetect-", dir=output.parent) as drafts:
        storages = LocalStorage(source.parent), LocalStorage(Path(drafts))
        processor = FileProcessor(
            detector, processing, *storages, available_cores(), stop or Event(), on_frame
        )
        result = processor.process_or_raise(_source_file(source, output.name))
        Path(drafts, output.name).replace(output)
    return {**result.row, "file": str(source), "results": {"picture": str(output)}}


def output_name(source: Path) -> str:
    """Return the name of a file's result: its own name, if its format can be written."""
    return source.name + added_suffix(source.name)


def check_output(source: Path, output: Path) -> None:
    """Raise InvalidSettings unless `output` is another file in a writable format."""
    if output.exists() and source.exists() and output.samefile(source):
        raise InvalidSettings(f"{output} is the input file; give another output file")
    suffix = output.suffix.lower()
    if not is_video(source.name):
        check_encoded_suffix(suffix)
    elif suffix not in CONTAINERS:
        raise InvalidSettings(
            f"videos cannot be written as {suffix or 'a file without a suffix'}; "
            f"use {', '.join(CONTAINERS)}"
        )


def _source_file(source: Path, result: str) -> SourceFile:
    size = source.stat().st_size if source.is_file() else 0
    return SourceFile(source.name, result, size, "")
