"""What annotate-folder and evaluate show while they run."""

from __future__ import annotations

import io
from typing import get_args

import numpy as np
from rich.console import Console

from facedetect.archive import FolderProgress, FrameProgress
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import VideoStage
from facedetect.archive.reports import Row, RunSummary
from facedetect.cli.progress_display import (
    ProgressDisplay,
    evaluation_progress,
    folder_progress,
    frame_progress,
)
from facedetect.evaluation.evaluation_run import EvaluationProgress
from facedetect.evaluation.image_detections import ImageDetections

FAILED: Row = {"file": "[b]\x1b[2Ja.jpg", "status": "failed", "reason": "X", "message": "bad"}
DONE: Row = {"file": "b.jpg", "status": "ok", "faces": [{}, {}]}


def shown_folder(*, is_terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=150)
    summary = RunSummary()
    with folder_progress(console) as show:
        show(FolderProgress("loading the model", summary))
        show(FolderProgress("processing", summary))
        for row in (FAILED, DONE):
            summary.add(row)
            show(FolderProgress("processing", summary, 4, row))
    return file.getvalue()


def test_a_terminal_shows_a_bar_with_counts_and_failures() -> None:
    text = shown_folder(is_terminal=True)
    assert "[b]\\x1b[2Ja.jpg: bad" in text  # what it would do to a terminal is not done
    assert "2 of 4 files" in text
    assert "2 faces, 1 failed" in text
    assert "processing" in text


def test_elsewhere_there_are_plain_lines() -> None:
    failure, line = shown_folder(is_terminal=False).splitlines()
    assert failure == "[b]\\x1b[2Ja.jpg: bad"
    assert line.startswith("processing: 1 of 4 files, ")


def test_an_evaluation_shows_each_run() -> None:
    file = io.StringIO()
    begun = EvaluationProgress("mine", "defaults", total=3, kept=1, done=1)
    with evaluation_progress(Console(file=file)) as show:
        show(begun)
        show(begun.after(ImageDetections("a", np.zeros((0, 4)), np.zeros(0), None, 0.1)))
        show(begun.after(ImageDetections.failed("b", "x\x1b" * 200, 0.1)))
        show(EvaluationProgress("other", "defaults", total=3, kept=3, done=3))
    first, failure, last = file.getvalue().splitlines()
    assert first == "mine, defaults: 1 of 3 images, 0 failed"
    assert failure.startswith("b: ")
    assert "\x1b" not in failure
    assert last == "other, defaults: 3 of 3 images, 0 failed"


def test_a_line_tells_how_far_it_is_every_ten_seconds() -> None:
    file, now = io.StringIO(), [50.0]
    with ProgressDisplay(Console(file=file), "files", clock=lambda: now[0]) as display:
        display.begin("processing")
        now[0] += 100
        display.update(1504, None, "1 face, 2 failed", skipped=504)
        now[0] += 9
        display.update(1590, 61_500, "1 face, 2 failed", skipped=500)
        now[0] += 1
        display.update(1600, 67_600, "2 faces, 2 failed", skipped=500)
    assert file.getvalue().splitlines() == [
        "processing: 1,504 files, 10.0/s, 1 face, 2 failed",
        "processing: 1,600 of 67,600 files, 10.0/s, 2 faces, 2 failed, 110 min left",
    ]


def test_a_video_shows_its_pace_and_the_time_left_in_each_pass() -> None:
    file = io.StringIO()
    clip = SourceFile("clip.mp4", "clip.mp4", 1, "")
    with frame_progress(Console(file=file)) as show:
        for stage in get_args(VideoStage):
            show(FrameProgress(clip, stage, 1, 750))
            show(FrameProgress(clip, stage, 2, 750))
    assert file.getvalue().splitlines() == [
        "clip.mp4: finding faces: 1 of 750 frames",
        "clip.mp4: writing: 1 of 750 frames",
    ]
    file, now = io.StringIO(), [0.0]
    with ProgressDisplay(Console(file=file), "frames", clock=lambda: now[0]) as display:
        display.begin("clip.mp4: writing")
        now[0] = 30
        display.update(600, 750)
    assert file.getvalue() == "clip.mp4: writing: 600 of 750 frames, 20.0/s, 8 s left\n"
