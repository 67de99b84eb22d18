"""What a run over a folder has come to, in words and as JSON."""

from __future__ import annotations

import json

import typer

from facedetect.cli.words import counted
from facedetect.folder.plan import Item, LeftAlone
from facedetect.folder.reports import Summary
from facedetect.folder.run import Run


def print_summary(summary: Summary, seconds: float, reports: list[str], gone: int) -> None:
    """Tell the counts, what failed and why, and where the reports are."""
    if summary.interrupted:
        typer.echo("Interrupted: the same command goes on, and writes the reports at its end.")
    looked_at = counted(summary.images, "image")
    if summary.videos:
        looked_at += f" and {counted(summary.videos, 'video')}"
    typer.echo(
        f"{looked_at} in {seconds:.1f} s: {counted(summary.faces, 'face')}, "
        f"{summary.without_face} without a face, {summary.failed} failed."
    )
    for reason, count in summary.failures.most_common():
        typer.echo(f"  {reason}: {count}")
    if summary.unchanged:
        typer.echo(f"{summary.unchanged} of them were done before and have not changed.")
    if summary.others:
        typer.echo(f"{counted(summary.others, 'other file')} left alone.")
    if gone:
        typer.echo(f"{counted(gone, 'file')} of earlier runs are gone; their results were kept.")
    for report in reports:
        typer.echo(f"Report: {report}")


def print_json(summary: Summary, seconds: float, reports: list[str], gone: int) -> None:
    """Tell the same to a program."""
    told = {
        "images": summary.images,
        "videos": summary.videos,
        "faces": summary.faces,
        "without_face": summary.without_face,
        "failed": summary.failed,
        "failures": dict(summary.failures.most_common()),
        "unchanged": summary.unchanged,
        "others": summary.others,
        "gone": gone,
        "interrupted": summary.interrupted,
        "seconds": round(seconds, 3),
        "reports": reports,
    }
    typer.echo(json.dumps(told))


def print_plan(run: Run, *, quiet: bool, as_json: bool) -> None:
    """Tell what a run would do: each file that it would look at, and the counts."""
    counts = {"to_do": 0, "unchanged": 0, "unreadable": 0, "others": 0}
    for step in run.plan.steps():
        if isinstance(step, LeftAlone):
            counts["others"] += 1
        elif not isinstance(step, Item):
            counts["unreadable"] += 1
        elif run.is_done(step) is not None:
            counts["unchanged"] += 1
        else:
            counts["to_do"] += 1
            if not (quiet or as_json):
                typer.echo(f"{step.name} -> {step.result}".encode(errors="backslashreplace"))
    if as_json:
        typer.echo(json.dumps(counts))
        return
    typer.echo(
        f"{counted(counts['to_do'], 'file')} to look at, {counts['unchanged']} done before and "
        f"unchanged, {counted(counts['others'], 'other file')}, "
        f"{counted(counts['unreadable'], 'folder')} that cannot be listed. Nothing was written."
    )
