"""How far a run over a folder is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from facedetect.cli.formatting import counted, printable
from facedetect.folder.plan import LeftAlone, Plan
from facedetect.folder.reports import Row, RunSummary
from facedetect.folder.run import Run

_SECONDS_BETWEEN_LINES = 10.0


@dataclass
class Tally:
    """What a progress display tells: the run's counts, and the total once it is known."""

    summary: RunSummary
    total: int | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        return self.summary.images + self.summary.videos + self.summary.failed

    @property
    def per_second(self) -> float:
        """Of those that were not done before: passing those by takes no time."""
        return (self.done - self.summary.unchanged) / max(time.monotonic() - self.started, 1e-3)

    @property
    def seconds_left(self) -> float | None:
        if self.total is None or not self.per_second:
            return None
        return (self.total - self.done) / self.per_second

    def __str__(self) -> str:
        of_total = "" if self.total is None else f" of {self.total:,}"
        words = [
            f"{self.done:,}{of_total} files",
            f"{self.per_second:.1f}/s",
            f"{counted(self.summary.faces, 'face')}, {self.summary.failed} failed",
        ]
        if self.seconds_left is not None:
            words.append(f"{self.seconds_left / 60:.0f} min left")
        return ", ".join(words)


@contextmanager
def shown_progress(run: Run, console: Console, *, quiet: bool) -> Iterator[Callable[[Row], None]]:
    """Give a function that is told of each row, and shows how far the run is meanwhile.

    Failures are told as they come. The total is counted beside the work: the plan is walked twice.
    """
    if quiet:
        yield lambda _: None
        return
    tally = Tally(run.summary)
    with _display(tally, console) as refresh, _counting(run.plan, tally):

        def show(row: Row) -> None:
            if row["status"] == "failed":
                words = printable(f"{row['file']}: {row['message']}")
                console.print(words, style="red", markup=False, highlight=False, soft_wrap=True)
            refresh()

        yield show


@contextmanager
def _counting(plan: Plan, tally: Tally) -> Iterator[None]:
    stop = threading.Event()

    def count() -> None:
        found = 0
        for step in plan.steps():
            if stop.is_set():
                return
            found += not isinstance(step, LeftAlone)
        tally.total = found

    counter = threading.Thread(target=count, name="count", daemon=True)
    counter.start()
    try:
        yield
    finally:
        stop.set()
        counter.join()


@contextmanager
def _display(tally: Tally, console: Console) -> Iterator[Callable[[], None]]:
    if not console.is_terminal:
        yield Lines(tally, console).refresh
        return
    with _bar(console) as progress:
        task = progress.add_task("", total=None, tally=tally)
        yield lambda: progress.update(task, completed=tally.done, total=tally.total)


@dataclass
class Lines:
    """A line now and then, for logs: the tally as a text."""

    tally: object
    console: Console
    last: float = field(default_factory=time.monotonic)

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self.last >= _SECONDS_BETWEEN_LINES:
            self.last = now
            self.console.print(str(self.tally), soft_wrap=True, highlight=False)


class _TimeLeft(ProgressColumn):
    """Rich's own takes those that were done before for speed."""

    def render(self, task: Task) -> Text:
        left = task.fields["tally"].seconds_left
        return Text("-:--:--" if left is None else str(timedelta(seconds=round(left))))


def _bar(console: Console) -> Progress:
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[tally].per_second:.1f}/s"),
        TextColumn("{task.fields[tally].summary.faces:,} faces"),
        TextColumn("{task.fields[tally].summary.failed} failed"),
        _TimeLeft(),
        console=console,
    )
