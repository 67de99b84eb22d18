"""One run over a folder: what is to be done goes to an engine, what was done to the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from threading import Event
from typing import Protocol, get_args

from facedetect.folder.journal import Journal
from facedetect.folder.places import Place
from facedetect.folder.plan import Item, LeftAlone, Plan, Unreadable
from facedetect.folder.present import Present
from facedetect.folder.reports import (
    ReportName,
    Row,
    RunSummary,
    failed_row,
    remove_report,
    write_report,
)
from facedetect.folder.work import Outcome

# An entry in the journal at an address takes as long as a picture.
_BEGUN_AT_ONCE = 128


class Engine(Protocol):
    """Does items, many at a time."""

    def run(self, items: Iterator[Item]) -> Iterator[Outcome]:
        """Do all items and give what became of them, in any order.

        Items are taken as they are needed, and from the calling thread. Raises BackendUnavailable,
        and OSError if there is no room for results: what was given until then is done.
        """
        ...


@dataclass(frozen=True)
class Run:
    """What a run needs: `fingerprint` is the work's, and tells what must be done anew.

    `summary` counts as the run goes on. When `stop` is set, nothing more is begun.
    """

    plan: Plan
    output: Place
    journal: Journal
    fingerprint: str
    stop: Event = field(default_factory=Event)
    summary: RunSummary = field(default_factory=RunSummary)

    @cached_property
    def _present(self) -> Present:
        return Present(self.output)

    def is_done(self, item: Item) -> Row | None:
        """The row of an item that an earlier run has done and whose results are still there."""
        found = self.journal.done(item.name, item.state, self.fingerprint)
        if found is None:
            return None
        row, outputs = found
        return row if self._present.has(outputs) else None

    def do(self, engine: Engine, on_row: Callable[[Row], None] = lambda _: None) -> RunSummary:
        """Do what is not done yet; `on_row` hears of each file as it is done.

        Whatever ends it, the journal has what was done. Raises what the engine raises.
        """
        self._clear_up()
        for outcome in engine.run(self._begun(on_row)):
            self._record(outcome.row, outcome.item.state, outcome.outputs)
            self.summary.add(outcome.row)
            on_row(outcome.row)
        self.summary.interrupted = self.stop.is_set()
        return self.summary

    def tell(self, reports: list[ReportName]) -> list[str]:
        """Write the reports of a run that has ended; returns their paths within the results.

        What earlier runs have written for the same sources, and this one has not, is removed: such
        as the crop of a face that is no longer found, or a report that is not asked for.
        """
        for path in self.journal.stale_outputs():
            self.output.remove(path)
            self.journal.forget(path)
        for name in get_args(ReportName):
            if name not in reports:
                remove_report(name, self.output)
        return [write_report(name, self.journal.rows, self.output) for name in reports]

    def unseen(self) -> tuple[int, int]:
        """How many files with results this run has not seen, and how many of other work."""
        return self.journal.unseen(self.fingerprint)

    def _clear_up(self) -> None:
        """Remove what a run that was killed has written and not recorded.

        It may be of other work than this run's: faces that are to be hidden could show in it.
        """
        self.output.tidy()
        present = Present(self.output)
        for result in self.journal.unrecorded():
            for path in present.files_of(result):
                self.output.remove(path)
        self.journal.give_up()

    def _begun(self, on_row: Callable[[Row], None]) -> Iterator[Item]:
        """What is to be done, noted in the journal before it is given to an engine."""
        items = self._to_do(on_row)
        while some := list(islice(items, _BEGUN_AT_ONCE)):
            self.journal.begin({item.name: item.result for item in some})
            yield from some

    def _to_do(self, on_row: Callable[[Row], None]) -> Iterator[Item]:
        for step in self.plan.steps():
            if self.stop.is_set():
                return
            if isinstance(step, LeftAlone):
                self.summary.others += 1
            elif isinstance(step, Unreadable):
                row = _unreadable_row(step)
                self._record(row, "", {})
                self.summary.add(row)
                on_row(row)
            elif (done := self.is_done(step)) is not None:
                self.journal.keep(step.name)
                self.summary.add(done)
                self.summary.unchanged += 1
                on_row(done)
            else:
                yield step

    def _record(self, row: Row, state: str, outputs: dict[str, int]) -> None:
        self.journal.record(row, state, self.fingerprint, outputs)


def _unreadable_row(step: Unreadable) -> Row:
    message = f"the folder cannot be listed: {step.error.strerror or step.error}"
    return failed_row(step.name, step.error, message)
