"""How far an evaluation is: a bar for each run on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten
from threading import Event

from rich import progress as rich
from rich.console import Console
from rich.markup import escape

from facedetect.cli.formatting import printable
from facedetect.cli.log_lines import LogLines
from facedetect.evaluation.detections import Found
from facedetect.evaluation.runs import Progress

_LONGEST_ERROR = 300


@contextmanager
def shown_evaluation(console: Console, stop: Event, *, quiet: bool) -> Iterator[Progress]:
    """Give what an evaluation is to tell how far it is; `stop` ends it."""
    if quiet:
        yield Progress(stop)
    elif not console.is_terminal:
        yield _LineProgress(stop, console)
    else:
        with _bars(console) as bars:
            yield _BarProgress(stop, console, bars)


class _Told(Progress):
    """Tells failures as they come, and counts."""

    def __init__(self, stop: Event, console: Console) -> None:
        super().__init__(stop)
        self._console = console
        self.name, self.total, self.done, self.failed = "", 0, 0, 0

    def __str__(self) -> str:
        return f"{self.name}: {self.done:,} of {self.total:,} pictures, {self.failed} failed"

    def begin(self, name: str, total: int, done: int) -> None:
        self.name, self.total, self.done, self.failed = name, total, done, 0

    def answered(self, found: Found) -> None:
        self.done += 1
        if found.error is not None:
            self.failed += 1
            words = shorten(printable(f"{found.image}: {found.error}"), _LONGEST_ERROR)
            self._console.print(words, style="red", markup=False, highlight=False, soft_wrap=True)


class _LineProgress(_Told):
    def __init__(self, stop: Event, console: Console) -> None:
        super().__init__(stop, console)
        self._lines = LogLines(self, console)

    def begin(self, name: str, total: int, done: int) -> None:
        super().begin(name, total, done)
        self._console.print(str(self), soft_wrap=True, markup=False, highlight=False)

    def answered(self, found: Found) -> None:
        super().answered(found)
        self._lines.refresh()


class _BarProgress(_Told):
    def __init__(self, stop: Event, console: Console, bars: rich.Progress) -> None:
        super().__init__(stop, console)
        self._bars = bars
        self._task: rich.TaskID | None = None

    def begin(self, name: str, total: int, done: int) -> None:
        super().begin(name, total, done)
        self._task = self._bars.add_task(escape(name), total=total, completed=done, failed=0)

    def answered(self, found: Found) -> None:
        super().answered(found)
        if self._task is not None:
            self._bars.update(self._task, completed=self.done, failed=self.failed)


def _bars(console: Console) -> rich.Progress:
    return rich.Progress(
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[failed]} failed"),
        rich.TimeRemainingColumn(),
        console=console,
    )
