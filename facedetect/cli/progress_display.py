"""Progress of long commands: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import shorten
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from facedetect.formatting import counted, printable

if TYPE_CHECKING:  # no command needs another's part of the package
    from facedetect.archive import FolderProgress, FrameProgress
    from facedetect.evaluation.evaluation_run import EvaluationProgress

_SECONDS_BETWEEN_LINES = 10.0
_SHOWN_IN_SECONDS = 120
_FIRST_RATE_S = 1.0  # earlier, the first few items would distort the rate
_MAX_FAILURE_LENGTH = 300


@contextmanager
def folder_progress(console: Console) -> Iterator[Callable[[FolderProgress], None]]:
    """Yield a callback for `annotate_folder` that shows progress and each failure."""
    with ProgressDisplay(console, "files") as display:

        def show(progress: FolderProgress) -> None:
            counts = progress.summary
            if progress.row is None:
                display.begin(progress.stage)
                return
            if progress.row["status"] == "failed":
                display.print_failure(f"{progress.row['file']}: {progress.row['message']}")
            details = f"{counted(counts.faces, 'face')}, {counts.failed:,} failed"
            display.update(counts.done, progress.total, details, skipped=counts.unchanged)

        yield show


@contextmanager
def frame_progress(console: Console) -> Iterator[Callable[[FrameProgress], None]]:
    """Yield a callback for `annotate_file` that shows a video's progress."""
    with ProgressDisplay(console, "frames") as display:
        shown: tuple[str, str] | None = None

        def show(progress: FrameProgress) -> None:
            nonlocal shown
            task = progress.file.name, progress.stage
            if task != shown:
                shown = task
                display.begin(printable(": ".join(task)))
            display.update(progress.done, progress.total)

        yield show


@contextmanager
def evaluation_progress(console: Console) -> Iterator[Callable[[EvaluationProgress], None]]:
    """Yield a callback for `evaluate` that shows each run's progress and each failure."""
    with ProgressDisplay(console, "images") as display:

        def show(progress: EvaluationProgress) -> None:
            if progress.detections is None:
                display.begin(f"{progress.detector}, {progress.setting}")
            elif progress.detections.error is not None:
                text = f"{progress.detections.image}: {progress.detections.error}"
                display.print_failure(shorten(text, _MAX_FAILURE_LENGTH))
            details = f"{progress.failed} failed"
            display.update(progress.done, progress.total, details, skipped=progress.kept)

        yield show


class ProgressDisplay:
    """Shows the progress of one task after the other, counted in `unit`."""

    def __init__(
        self, console: Console, unit: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._unit = unit
        self._clock = clock
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, task: str) -> None:
        """Begin a task; this ends the previous one."""
        for earlier in self._bars.tasks:
            if earlier.total is None:  # its bar would never stop moving
                self._bars.remove_task(earlier.id)
        self._bar = self._bars.add_task(task, total=None, text="")
        self._task = task
        self._started = self._clock()
        self._printed = -math.inf

    def update(self, done: int, total: int | None, details: str = "", *, skipped: int = 0) -> None:
        """Show how much of the task is done; `skipped` items took no time."""
        now = self._clock()
        elapsed_s = now - self._started
        of_total = "" if total is None else f" of {total:,}"
        parts = [f"{done:,}{of_total} {self._unit}"]
        per_second = (done - skipped) / elapsed_s if elapsed_s >= _FIRST_RATE_S else 0.0
        if per_second:
            parts.append(f"{per_second:.1f}/s")
        parts.append(details)
        if total is not None and per_second:
            parts.append(f"{_duration(max(0, total - done) / per_second)} left")
        text = ", ".join(filter(None, parts))
        self._bars.update(self._bar, completed=done, total=total, text=text)
        if self._bars.disable and now - self._printed >= _SECONDS_BETWEEN_LINES:
            self._printed = now
            self._print(f"{self._task}: {text}")

    def print_failure(self, text: str) -> None:
        """Print why something failed, above the bar."""
        self._print(printable(text), style="red")

    def _print(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    """Return `95 s` or `12 min`."""
    return f"{seconds:.0f} s" if seconds < _SHOWN_IN_SECONDS else f"{seconds / 60:.0f} min"
