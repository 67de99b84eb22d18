"""How far annotate-folder is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

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

from facedetect.archive import FolderProgress
from facedetect.archive.reports import RunSummary
from facedetect.cli.formatting import counted, printable
from facedetect.cli.log_lines import LogLines

Show = Callable[[FolderProgress], None]


@dataclass
class Tally:
    """The counts of a run, its total once that is known, and its speed."""

    summary: RunSummary = field(default_factory=RunSummary)
    total: int | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        return self.summary.images + self.summary.videos + self.summary.failed

    @property
    def per_second(self) -> float:
        """Of the files processed now: passing by unchanged ones takes no time."""
        return (self.done - self.summary.unchanged) / max(time.monotonic() - self.started, 1e-3)

    @property
    def seconds_left(self) -> float | None:
        if self.total is None or not self.per_second:
            return None
        return (self.total - self.done) / self.per_second

    def __str__(self) -> str:
        of_total = "" if self.total is None else f" of {self.total:,}"
        parts = [
            f"{self.done:,}{of_total} files",
            f"{self.per_second:.1f}/s",
            f"{counted(self.summary.faces, 'face')}, {self.summary.failed} failed",
        ]
        if self.seconds_left is not None:
            parts.append(f"{self.seconds_left / 60:.0f} min left")
        return ", ".join(parts)


@contextmanager
def folder_progress(console: Console) -> Iterator[Show]:
    """Give a callback for `annotate_folder` that shows its progress and each file that fails."""
    tally = Tally()
    with _display(tally, console) as refresh:

        def show(progress: FolderProgress) -> None:
            if progress.row is None:
                tally.started = time.monotonic()
            elif progress.row["status"] == "failed":
                message = printable(f"{progress.row['file']}: {progress.row['message']}")
                console.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
            tally.summary, tally.total = progress.summary, progress.total
            refresh(progress.stage)

        yield show


@contextmanager
def _display(tally: Tally, console: Console) -> Iterator[Callable[[str], None]]:
    if not console.is_terminal:
        lines = LogLines(tally, console)
        yield lambda _: lines.refresh()
        return
    with _bar(console) as progress:
        task = progress.add_task("", total=None, tally=tally)

        def refresh(stage: str) -> None:
            progress.update(task, description=stage, completed=tally.done, total=tally.total)

        yield refresh


class _TimeLeft(ProgressColumn):
    """Rich's own column counts unchanged files as speed."""

    def render(self, task: Task) -> Text:
        left = task.fields["tally"].seconds_left
        return Text("-:--:--" if left is None else str(timedelta(seconds=round(left))))


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[tally].per_second:.1f}/s"),
        TextColumn("{task.fields[tally].summary.faces:,} faces"),
        TextColumn("{task.fields[tally].summary.failed} failed"),
        _TimeLeft(),
        console=console,
    )
