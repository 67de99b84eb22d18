"""`annotate_folder`: process every picture and video of a folder in one call."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event
from typing import Literal, Unpack

from facedetect.archive.names import folds_names
from facedetect.archive.opening import ExecutorName, open_executor, open_journal, open_storages
from facedetect.archive.plan import Plan, Skipped, SkipReason, SourceFile, UnreadableFolder
from facedetect.archive.processing import FileOptions, processing_options
from facedetect.archive.reports import ReportName, Row, RunSummary, check_report
from facedetect.archive.run import ArchiveRun, FileExecutor
from facedetect.archive.run_job import RunJob
from facedetect.archive.selection import Selection
from facedetect.crops import CropStyle
from facedetect.errors import InvalidSettings
from facedetect.settings import DetectorSettings

Stage = Literal["loading the model", "processing", "writing the reports"]


class FolderOptions(FileOptions, total=False):
    """The options of `annotate_folder` and `preview_folder`, in addition to FileOptions.

    The style "none" writes no pictures. `crops`: also save face crops, "plain" or "aligned"; if
    faces are hidden, only with `clear_crops`. `reports`: "jsonl" by default. `videos`: also process
    videos. `exclude`, `include`: patterns as in .gitignore for paths to skip, or the only ones to
    process. `follow_links`: follow symbolic links to folders. `workers`: files processed in
    parallel, by default one per core. `engine`: "ray" runs on the cluster at `ray_address`.
    `settings`: backend and limits, by default from the environment.
    """

    crops: CropStyle | None
    clear_crops: bool
    reports: Sequence[ReportName]
    videos: bool
    exclude: Sequence[str]
    include: Sequence[str]
    follow_links: bool
    workers: int | None
    engine: ExecutorName
    ray_address: str | None
    settings: DetectorSettings | None


@dataclass(frozen=True)
class FolderProgress:
    """The progress of a run.

    `row` is the report row of the file that just finished, None at the start of a stage.
    `summary` has the counts so far, `total` the number of files once it is known.
    """

    stage: Stage
    summary: RunSummary
    total: int | None = None
    row: Row | None = None


@dataclass(frozen=True)
class PreviewedFile:
    """A file as a run would treat it.

    `result` is the path of its result. `action` says whether it would be processed, is unchanged
    since an earlier run, is a folder that cannot be listed, or why it would be skipped: not a
    picture or video, excluded, or a system file.
    """

    name: str
    action: Literal["process", "unchanged", "unreadable"] | SkipReason
    result: str = ""


def annotate_folder(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    on_progress: Callable[[FolderProgress], None] = lambda _: None,
    stop: Event | None = None,
    **options: Unpack[FolderOptions],
) -> RunSummary:
    """Mark or hide the faces in every picture and video below a folder.

        summary = annotate_folder("photos", "public", style="blur", reports=["html", "csv"])
        print(summary.faces, summary.failures)

    `output` mirrors the tree of `source`; its reports have a row for every file. Sources are never
    changed. Both may be URLs, such as s3://bucket/photos. Call it again to resume an interrupted
    run; files that changed are processed again.

    `on_progress` is called at the start of each stage and after each file. Set `stop` from another
    thread to end the run early: files in progress are finished. See FolderOptions for the rest.

    A file that fails becomes a row of the reports, not an error. Raises InvalidSettings,
    BackendUnavailable, and OSError if results cannot be written.
    """
    stop = stop or Event()
    reports = _checked_reports(options)
    started = time.monotonic()
    with _open_run(str(source), str(output), stop, options, on_progress) as (run, executor):
        summary = run.summary
        with _counted(run.plan) as total:
            on_progress(FolderProgress("processing", summary))
            run.execute(
                executor,
                lambda row: on_progress(FolderProgress("processing", summary, total(), row)),
            )
        if not summary.interrupted:
            on_progress(FolderProgress("writing the reports", summary, total()))
            run.write_reports(reports)
    summary.seconds = time.monotonic() - started
    return summary


def preview_folder(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    stop: Event | None = None,
    **options: Unpack[FolderOptions],
) -> Iterator[PreviewedFile]:
    """Yield what `annotate_folder` would do with each file; writes nothing.

    Raises what `annotate_folder` raises.
    """
    _checked_reports(options)
    stop = stop or Event()
    with _open_run(str(source), str(output), stop, options, dry_run=True) as (run, _):
        for step in run.plan.walk():
            if stop.is_set():
                return
            if isinstance(step, Skipped):
                yield PreviewedFile(step.name, step.reason)
            elif isinstance(step, UnreadableFolder):
                yield PreviewedFile(step.name, "unreadable")
            elif run.finished_row(step) is not None:
                yield PreviewedFile(step.name, "unchanged", step.result)
            else:
                yield PreviewedFile(step.name, "process", step.result)


@contextmanager
def _open_run(
    source: str,
    output: str,
    stop: Event,
    options: FolderOptions,
    on_progress: Callable[[FolderProgress], None] = lambda _: None,
    *,
    dry_run: bool = False,
) -> Iterator[tuple[ArchiveRun, FileExecutor]]:
    _check_crops(options)
    processing = processing_options(
        options, crops=options.get("crops"), thumbnails="html" in options.get("reports", ())
    )
    follow_links = options.get("follow_links", False)
    pictures, results = open_storages(source, output, follow_links=follow_links)
    selection = Selection.parse(options.get("include", ()), options.get("exclude", ()))
    plan = Plan(pictures, options.get("videos", True), selection)
    plan.check()
    settings = options.get("settings") or DetectorSettings.load()
    job = RunJob(
        settings, processing, pictures, results, options.get("workers"), options.get("ray_address")
    )
    summary = RunSummary()
    with open_journal(results, dry_run=dry_run) as journal:
        plan = replace(plan, is_folding=folds_names(results, dry_run=dry_run))
        on_progress(FolderProgress("loading the model", summary))
        with open_executor(options.get("engine", "local"), job, stop) as (model, executor):
            fingerprint = processing.fingerprint(model)
            yield ArchiveRun(plan, results, journal, fingerprint, stop, summary), executor


def _check_crops(options: FolderOptions) -> None:
    """Raise InvalidSettings if crops would show hidden faces without `clear_crops`."""
    style, crops = options.get("style", "box"), options.get("crops")
    if style not in {"box", "none"} and crops is not None and not options.get("clear_crops"):
        raise InvalidSettings(
            f"the style {style} hides faces, but crops ({crops}) would show them in the same "
            "folder; write the crops to another folder with --style none --crops, or allow them "
            "with --clear-crops (clear_crops=True)"
        )


def _checked_reports(options: FolderOptions) -> Sequence[ReportName]:
    reports = options.get("reports", ("jsonl",))
    for name in reports:
        check_report(name)
    return list(dict.fromkeys(reports))


@contextmanager
def _counted(plan: Plan) -> Iterator[Callable[[], int | None]]:
    """Count the files in the background with a second walk; yields None until it is done."""
    ended = Event()
    totals: list[int] = []

    def count() -> None:
        found = 0
        for step in plan.walk():
            if ended.is_set():
                return
            found += isinstance(step, SourceFile | UnreadableFolder)
        totals.append(found)

    counter = threading.Thread(target=count, name="count", daemon=True)
    counter.start()
    try:
        yield lambda: totals[0] if totals else None
    finally:
        ended.set()
        counter.join()
