"""The outcome of annotate-folder, as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import typer

from facedetect.archive import PreviewedFile, RunSummary
from facedetect.formatting import counted, printable


def print_summary(summary: RunSummary) -> None:
    """Print the counts, the reasons of failures and the paths of the reports."""
    if summary.interrupted:
        typer.echo(
            "Interrupted. Run the same command again to resume; reports are written at the end."
        )
    processed = counted(summary.images, "image")
    if summary.videos:
        processed += f" and {counted(summary.videos, 'video')}"
    typer.echo(
        f"{processed} in {summary.seconds:.1f} s: {counted(summary.faces, 'face')}, "
        f"{summary.without_face:,} without a face, {summary.failed:,} failed."
    )
    if summary.videos:
        tracks = counted(summary.tracks, "face track")
        typer.echo(f"In videos: {tracks} in {counted(summary.frames, 'frame')}.")
    for reason, count in summary.failures.most_common():
        typer.echo(f"  {reason}: {count:,}")
    if summary.incomplete:
        files = counted(summary.incomplete, "file")
        typer.echo(f"Crops or thumbnail not written (`not_written` in the report): {files}.")
    if summary.unchanged:
        typer.echo(f"Unchanged since an earlier run: {counted(summary.unchanged, 'file')}.")
    _print_skipped(summary)
    if summary.missing:
        missing = counted(summary.missing, "file")
        typer.echo(f"Results whose source is gone or excluded: {missing}.")
    if summary.missing_other_options:
        files = counted(summary.missing_other_options, "file")
        typer.echo(f"  Of these, {files} made with other options; faces may be visible.")
    for report in summary.reports:
        typer.echo(f"Report: {printable(report)}")


def _print_skipped(summary: RunSummary) -> None:
    if summary.others:
        typer.echo(f"Skipped: {counted(summary.others, 'other file')}.")
    if summary.excluded:
        typer.echo(f"Excluded: {counted(summary.excluded, 'path')}.")
    if summary.system:
        paths = counted(summary.system, "path")
        typer.echo(f"Not entered: {paths} of the system, such as recycle bins and thumbnails.")


def print_json(summary: RunSummary) -> None:
    """Print the summary as a JSON object."""
    failures = {"failed": summary.failed, "failures": dict(summary.failures.most_common())}
    typer.echo(json.dumps({**vars(summary), **failures, "seconds": round(summary.seconds, 3)}))


def print_preview(files: Iterable[PreviewedFile], *, quiet: bool, as_json: bool) -> None:
    """Print each file that a run would process, and the counts."""
    counts: Counter[str] = Counter()
    for file in files:
        counts[file.action] += 1
        if file.action == "process" and not (quiet or as_json):
            typer.echo(printable(f"{file.name} -> {file.result}"))
    if as_json:
        names = {"process": "to_do", "unchanged": "unchanged", "unreadable": "unreadable"}
        names |= {"other": "others", "excluded": "excluded", "system": "system"}
        typer.echo(json.dumps({name: counts[action] for action, name in names.items()}))
        return
    typer.echo(
        f"{counted(counts['process'], 'file')} to process, {counts['unchanged']:,} unchanged, "
        f"{counted(counts['other'], 'other file')}, {counts['excluded']:,} excluded, "
        f"{counts['system']:,} system paths, "
        f"{counted(counts['unreadable'], 'folder')} that cannot be read. Nothing was written."
    )
