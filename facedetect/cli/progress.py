"""How far a run over a folder is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from facedetect.cli.words import counted
from facedetect.folder.plan import Plan
from facedetect.folder.reports import Row

_SECONDS_BETWEEN_LINES = 10.0
_COUNTED_AT_ONCE = 1000


@dataclass
class Tally:
    """What a progress display tells: counts of this run, and the total once it is known."""

    done: int = 0
    faces: int = 0
    failed: int = 0
    total: int | None = None
    started: float = field(default_factory=time.monotonic)

    def add(self, row: Row) -> None:
        self.done += 1
        self.faces += len(row.get("faces", ()))
        self.failed += row["status"] == "failed"

    @property
    def per_second(self) -> float:
        return self.done / max(time.monotonic() - self.started, 1e-3)

    def __str__(self) -> str:
        of_total = "" if self.total is None else f" of {self.total:,}"
        words = [
            f"{self.done:,}{of_total} files",
            f"{self.per_second:.1f}/s",
            f"{counted(self.faces, 'face')}, {self.failed} failed",
        ]
        if self.total is not None:
            left = (self.total - self.done) / self.per_second
            words.append(f"{left / 60:.0f} min left")
        return ", ".join(words)


@contextmanager
def shown_progress(plan: Plan, console: Console, *, quiet: bool) -> Iterator[Callable[[Row], None]]:
    """Give a function that is told of each row, and shows how far the run is meanwhile.

    Failures are told as they come. The total is counted beside the work: the plan is walked twice.
    """
    if quiet:
        yield lambda _: None
        return
    tally = Tally()
    with _display(tally, console) as refresh, _counting(plan, tally):

        def show(row: Row) -> None:
            tally.add(row)
            if row["status"] == "failed":
                words = f"{row['file']}: {row['message']}"
                console.print(words, style="red", markup=False, highlight=False, soft_wrap=True)
            refresh()

        yield show


@contextmanager
def _counting(plan: Plan, tally: Tally) -> Iterator[None]:
    stop = threading.Event()

    def count() -> None:
        found = 0
        for found, _ in enumerate(plan.items(), 1):  # noqa: B007 - the last one counts
            if stop.is_set():
                return
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
        yield _Lines(tally, console).refresh
        return
    with _bar(console) as progress:
        task = progress.add_task("", total=None, tally=tally)
        yield lambda: progress.update(task, completed=tally.done, total=tally.total)


@dataclass
class _Lines:
    """A line now and then, for logs."""

    tally: Tally
    console: Console
    last: float = field(default_factory=time.monotonic)

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self.last >= _SECONDS_BETWEEN_LINES:
            self.last = now
            self.console.print(str(self.tally), soft_wrap=True, highlight=False)


def _bar(console: Console) -> Progress:
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[tally].per_second:.1f}/s"),
        TextColumn("{task.fields[tally].faces:,} faces"),
        TextColumn("{task.fields[tally].failed} failed"),
        TimeRemainingColumn(),
        console=console,
    )
