"""One run over a folder: pass files to an executor, and results to the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from threading import Event
from typing import Protocol, get_args

from facedetect.archive.journal import Journal
from facedetect.archive.output_index import OutputIndex
from facedetect.archive.plan import Plan, Skipped, SourceFile, UnreadableFolder
from facedetect.archive.processing import FileResult
from facedetect.archive.reports import (
    ReportName,
    Row,
    RunSummary,
    failed_row,
    remove_report,
    write_report,
)
from facedetect.archive.storage import Storage

# Recording one file in a remote journal takes as long as processing a picture.
_BEGUN_AT_ONCE = 128


class FileExecutor(Protocol):
    """Processes files, many at a time."""

    def run(self, files: Iterator[SourceFile]) -> Iterator[FileResult]:
        """Process all files and yield their results, in any order.

        Files are consumed lazily, in the calling thread. Raises BackendUnavailable, and OSError if
        results cannot be written; results yielded before are complete.
        """
        ...


@dataclass(frozen=True)
class ArchiveRun:
    """One run; `fingerprint` identifies its options (see `ProcessingOptions.fingerprint`).

    `summary` is updated as files finish. Once `stop` is set, no more files are started.
    """

    plan: Plan
    output: Storage
    journal: Journal
    fingerprint: str
    stop: Event = field(default_factory=Event)
    summary: RunSummary = field(default_factory=RunSummary)

    @cached_property
    def _index(self) -> OutputIndex:
        return OutputIndex(self.output)

    def finished_row(self, file: SourceFile) -> Row | None:
        """Return the row of a file finished by an earlier run, if its results still exist."""
        found = self.journal.find_done(file.name, file.change_key, self.fingerprint)
        if found is None:
            return None
        row, outputs = found
        return row if self._index.has(outputs) else None

    def execute(
        self, executor: FileExecutor, on_row: Callable[[Row], None] = lambda _: None
    ) -> RunSummary:
        """Process all unfinished files; `on_row` receives the row of each file.

        However it ends, the journal has all finished files. Raises what the executor raises.
        """
        self._remove_unfinished()
        for result in executor.run(self._begin_files(on_row)):
            self._record(result.row, result.file.change_key, result.outputs, on_row)
        self.summary.interrupted = self.stop.is_set()
        return self.summary

    def write_reports(self, reports: Sequence[ReportName]) -> None:
        """Write the reports of a completed run, and complete the summary.

        Removes outputs of earlier runs that this run did not rewrite for the same sources, such as
        the crop of a face no longer found, or a report no longer wanted.
        """
        for path in self.journal.stale_outputs():
            self.output.remove(path)
            self.journal.forget_output(path)
        for name in get_args(ReportName):
            if name not in reports:
                remove_report(name, self.output)
        written = [write_report(name, self.journal.rows, self.output) for name in reports]
        self.summary.reports = [f"{self.output}/{path}" for path in written]
        missing = self.journal.count_missing(self.fingerprint)
        self.summary.missing, self.summary.missing_other_options = missing

    def _remove_unfinished(self) -> None:
        """Remove what a killed run wrote but did not record.

        It may have had other options than this run, so faces to be hidden could be visible.
        """
        self.output.remove_partial_files()
        index = OutputIndex(self.output)
        for result in self.journal.unfinished_results():
            for path in index.files_of(result):
                self.output.remove(path)
        self.journal.clear_unfinished()

    def _begin_files(self, on_row: Callable[[Row], None]) -> Iterator[SourceFile]:
        """Yield the files to process, after recording them in the journal."""
        files = self._files_to_process(on_row)
        while batch := list(islice(files, _BEGUN_AT_ONCE)):
            self.journal.begin({file.name: file.result for file in batch})
            yield from batch

    def _files_to_process(self, on_row: Callable[[Row], None]) -> Iterator[SourceFile]:
        for step in self.plan.walk():
            if self.stop.is_set():
                return
            if isinstance(step, Skipped):
                self.summary.skip(step.reason)
            elif isinstance(step, UnreadableFolder):
                self._record(_unreadable_row(step), "", {}, on_row)
            elif (finished := self.finished_row(step)) is not None:
                self.journal.mark_seen(step.name)
                self.summary.add(finished)
                self.summary.unchanged += 1
                on_row(finished)
            else:
                yield step

    def _record(
        self, row: Row, change_key: str, outputs: dict[str, int], on_row: Callable[[Row], None]
    ) -> None:
        self.journal.record(row, change_key, self.fingerprint, outputs)
        self.summary.add(row)
        on_row(row)


def _unreadable_row(step: UnreadableFolder) -> Row:
    message = f"the folder cannot be listed: {step.error.strerror or step.error}"
    return failed_row(step.name, step.error, message)
