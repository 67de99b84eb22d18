"""What a run over a folder has come to, in words and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

import typer

from facedetect.cli.formatting import counted, printable
from facedetect.folder.plan import Item, LeftAlone
from facedetect.folder.reports import RunSummary
from facedetect.folder.run import Run


@dataclass(frozen=True)
class Ended:
    """A run that has ended: what it counted, s, its reports' paths, and what it did not see.

    `unseen` are files of earlier runs whose results are still there, `unseen_otherwise` those of
    them that were done with other options.
    """

    summary: RunSummary
    seconds: float
    reports: list[str]
    unseen: int = 0
    unseen_otherwise: int = 0


def print_summary(ended: Ended) -> None:
    """Tell the counts, what failed and why, and where the reports are."""
    summary = ended.summary
    if summary.interrupted:
        typer.echo("Interrupted: the same command goes on, and writes the reports at its end.")
    looked_at = counted(summary.images, "image")
    if summary.videos:
        looked_at += f" and {counted(summary.videos, 'video')}"
    typer.echo(
        f"{looked_at} in {ended.seconds:.1f} s: {counted(summary.faces, 'face')}, "
        f"{summary.without_face} without a face, {summary.failed} failed."
    )
    for reason, count in summary.failures.most_common():
        typer.echo(f"  {reason}: {count}")
    if summary.unchanged:
        typer.echo(f"Done before, and unchanged: {counted(summary.unchanged, 'file')}.")
    if summary.others:
        typer.echo(f"Left alone: {counted(summary.others, 'other file')}.")
    if ended.unseen:
        typer.echo(f"Not seen this time, results kept: {counted(ended.unseen, 'file')}.")
    if ended.unseen_otherwise:
        others = counted(ended.unseen_otherwise, "file")
        typer.echo(f"  of which done with other options, so that faces may show: {others}.")
    for report in ended.reports:
        typer.echo(f"Report: {printable(report)}")


def print_json(ended: Ended) -> None:
    """Tell the same to a program."""
    summary = ended.summary
    told = {
        "images": summary.images,
        "videos": summary.videos,
        "faces": summary.faces,
        "without_face": summary.without_face,
        "failed": summary.failed,
        "failures": dict(summary.failures.most_common()),
        "unchanged": summary.unchanged,
        "others": summary.others,
        "unseen": ended.unseen,
        "unseen_otherwise": ended.unseen_otherwise,
        "interrupted": summary.interrupted,
        "seconds": round(ended.seconds, 3),
        "reports": ended.reports,
    }
    typer.echo(json.dumps(told))


def print_plan(run: Run, *, quiet: bool, as_json: bool) -> None:
    """Tell what a run would do: each file that it would look at, and the counts."""
    counts = {"to_do": 0, "unchanged": 0, "unreadable": 0, "others": 0}
    for step in run.plan.steps():
        if run.stop.is_set():
            return
        if isinstance(step, LeftAlone):
            counts["others"] += 1
        elif not isinstance(step, Item):
            counts["unreadable"] += 1
        elif run.is_done(step) is not None:
            counts["unchanged"] += 1
        else:
            counts["to_do"] += 1
            if not (quiet or as_json):
                typer.echo(printable(f"{step.name} -> {step.result}"))
    if as_json:
        typer.echo(json.dumps(counts))
        return
    typer.echo(
        f"{counted(counts['to_do'], 'file')} to look at, {counts['unchanged']} done before and "
        f"unchanged, {counted(counts['others'], 'other file')}, "
        f"{counted(counts['unreadable'], 'folder')} that cannot be listed. Nothing was written."
    )
