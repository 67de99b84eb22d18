"""The outcome of annotate-folder, as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import typer

from facedetect.archive import FolderSummary, PreviewedFile
from facedetect.cli.formatting import counted, printable


def print_summary(summary: FolderSummary) -> None:
    """Print the counts, the reasons of failures and the paths of the reports."""
    counts = summary.counts
    if counts.interrupted:
        typer.echo("Interrupted: run the same command again to resume; reports come at the end.")
    processed = counted(counts.images, "image")
    if counts.videos:
        processed += f" and {counted(counts.videos, 'video')}"
    typer.echo(
        f"{processed} in {summary.duration_s:.1f} s: {counted(counts.faces, 'face')}, "
        f"{counts.without_face} without a face, {counts.failed} failed."
    )
    for reason, count in counts.failures.most_common():
        typer.echo(f"  {reason}: {count}")
    if counts.unchanged:
        typer.echo(f"Unchanged since an earlier run: {counted(counts.unchanged, 'file')}.")
    if counts.others:
        typer.echo(f"Skipped: {counted(counts.others, 'other file')}.")
    if summary.missing:
        typer.echo(f"Results kept although the source is gone: {counted(summary.missing, 'file')}.")
    if summary.missing_other_options:
        files = counted(summary.missing_other_options, "file")
        typer.echo(f"  of which {files} made with other options: faces may show.")
    for report in summary.reports:
        typer.echo(f"Report: {printable(report)}")


def print_json(summary: FolderSummary) -> None:
    """Print the same as a JSON object."""
    counts = summary.counts
    values = {
        "images": counts.images,
        "videos": counts.videos,
        "faces": counts.faces,
        "without_face": counts.without_face,
        "failed": counts.failed,
        "failures": dict(counts.failures.most_common()),
        "unchanged": counts.unchanged,
        "others": counts.others,
        "missing": summary.missing,
        "missing_other_options": summary.missing_other_options,
        "interrupted": counts.interrupted,
        "seconds": round(summary.duration_s, 3),
        "reports": summary.reports,
    }
    typer.echo(json.dumps(values))


def print_preview(files: Iterable[PreviewedFile], *, quiet: bool, as_json: bool) -> None:
    """Print each file that a run would process, and the counts."""
    counts: Counter[str] = Counter()
    for file in files:
        counts[file.action] += 1
        if file.action == "process" and not (quiet or as_json):
            typer.echo(printable(f"{file.name} -> {file.result}"))
    if as_json:
        names = {"process": "to_do", "unchanged": "unchanged", "unreadable": "unreadable"}
        values = {name: counts[action] for action, name in names.items()}
        typer.echo(json.dumps({**values, "others": counts["skip"]}))
        return
    typer.echo(
        f"{counted(counts['process'], 'file')} to process, {counts['unchanged']} unchanged, "
        f"{counted(counts['skip'], 'other file')}, "
        f"{counted(counts['unreadable'], 'folder')} that cannot be listed. Nothing was written."
    )
