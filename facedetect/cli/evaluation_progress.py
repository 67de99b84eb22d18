"""Progress of an evaluation: a bar for each run on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten
from threading import Event

from rich import progress as rich
from rich.console import Console

from facedetect.cli.formatting import printable
from facedetect.cli.log_lines import LogLines
from facedetect.evaluation.evaluation_run import EvaluationProgress
from facedetect.evaluation.image_detections import ImageDetections

_MAX_ERROR_LENGTH = 300


@contextmanager
def shown_evaluation(console: Console, stop: Event, *, quiet: bool) -> Iterator[EvaluationProgress]:
    """Give the progress to pass to `evaluate`; setting `stop` ends the evaluation."""
    if quiet:
        yield EvaluationProgress(stop)
    else:
        with _bars(console) as bars:
            yield _ShownProgress(stop, console, bars)


class _ShownProgress(EvaluationProgress):
    """Prints failures as they happen; `bars` counts the images of each run."""

    def __init__(self, stop: Event, console: Console, bars: rich.Progress) -> None:
        super().__init__(stop)
        self._console = console
        self._bars = bars
        self._lines = LogLines(self, console)

    def __str__(self) -> str:
        run = self._bars.tasks[-1]
        counts = f"{run.completed:,.0f} of {run.total:,.0f} images"
        return f"{run.description}: {counts}, {run.fields['failed']} failed"

    def begin_run(self, detector: str, setting: str, total: int, done: int) -> None:
        self._bars.add_task(f"{detector}, {setting}", total=total, completed=done, failed=0)
        if self._bars.disable:
            self._console.print(str(self), soft_wrap=True, markup=False, highlight=False)

    def add_image(self, detections: ImageDetections) -> None:
        run = self._bars.tasks[-1]
        has_failed = detections.error is not None
        self._bars.update(run.id, advance=1, failed=run.fields["failed"] + has_failed)
        if has_failed:
            text = shorten(printable(f"{detections.image}: {detections.error}"), _MAX_ERROR_LENGTH)
            self._console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        if self._bars.disable:
            self._lines.refresh()


def _bars(console: Console) -> rich.Progress:
    return rich.Progress(
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[failed]} failed"),
        rich.TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
