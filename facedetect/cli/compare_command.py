"""`facedetect compare`: what changes between two versions of a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from facedetect.archive.plan import Plan
from facedetect.archive.storage import LocalStorage
from facedetect.backends import BackendSpec
from facedetect.cli import options
from facedetect.cli.console_table import print_table
from facedetect.cli.detection_options import takes_detection_params
from facedetect.detection_params import DetectionParams
from facedetect.errors import InvalidSettings
from facedetect.evaluation.detector_comparison import ImageComparison, compare_images
from facedetect.formatting import counted
from facedetect.model_ref import ModelRef
from facedetect.settings import DetectorSettings

_DIFFERENT = 1
_SHOWN = 20


@takes_detection_params
def compare(
    first: Annotated[str, typer.Argument(metavar="FIRST", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="SECOND", show_default=False)],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)],
    *,
    params: DetectionParams,
    tolerance: Annotated[
        float,
        typer.Option(min=0, help="Distance a face may move and still count as the same, px."),
    ] = 0.5,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines: one object per image.")
    ] = False,
    backend: options.Backend = None,
) -> None:
    """Compare what two versions of a model detect in the images below FOLDER.

    FIRST and SECOND are versions (numbers) or labels of the backend's model, or backend URLs.
    Exits with 1 if any face was lost, new or moved, or an image could not be processed.

    Examples:

        facedetect compare --backend grpc://models:8500/mtcnn 1 2 photos/

        facedetect compare stable canary photos/ --json > changes.jsonl

        facedetect compare embedded: grpc://models:8500/mtcnn photos/
    """
    settings = DetectorSettings.load(backend=backend)
    plan = Plan(LocalStorage(folder), videos=False)
    plan.check()
    images = [(file.name, folder / file.name) for file in plan.source_files()]
    first_spec, second_spec = (backend_of(name, settings.backend) for name in (first, second))
    rows = []
    with (
        settings.model_copy(update={"backend": first_spec}).open_detector() as one,
        settings.model_copy(update={"backend": second_spec}).open_detector() as other,
    ):
        compared = compare_images(one, other, images, params, threads=settings.threads)
        for row in track(compared, "Comparing", total=len(images), console=Console(stderr=True)):
            rows.append(row)
            if row.error is not None:
                typer.echo(f"{row.image}: {row.error}", err=True)
            if as_json:
                typer.echo(json.dumps(asdict(row)))
    differing = [row for row in rows if row.differs(tolerance)]
    if not as_json:
        _print(rows, differing, first, second)
    if differing or any(row.error for row in rows):
        raise typer.Exit(_DIFFERENT)


def backend_of(name: str, backend: BackendSpec) -> BackendSpec:
    """Return the backend with the URL `name`, or `backend` with the version or label `name`."""
    if ":" in name:
        return BackendSpec.parse(name)
    if not name:
        raise InvalidSettings("the version is ''; give a number, a label or a backend URL")
    own = backend.model.name
    model = ModelRef(own, version=int(name)) if name.isdecimal() else ModelRef(own, label=name)
    return BackendSpec.parse(str(replace(backend, model=model)))


def _print(
    rows: Sequence[ImageComparison], differing: Sequence[ImageComparison], first: str, second: str
) -> None:
    if differing:
        header = ("image", "both", f"only {first}", f"only {second}", "moved, px", "score")
        print_table(header, map(_cells, differing[:_SHOWN]))
    left_out = len(differing) - _SHOWN
    if left_out > 0:
        typer.echo(f"... and {counted(left_out, 'image')} more; use --json for all.")
    done = [row for row in rows if row.error is None]
    typer.echo(
        f"{counted(len(done), 'image')}, {counted(len(differing), 'image')} different: "
        f"{counted(sum(row.both for row in done), 'face')} in both, "
        f"{sum(len(row.lost) for row in done):,} only in {first}, "
        f"{sum(len(row.new) for row in done):,} only in {second}; the largest move is "
        f"{max((row.shift for row in done), default=0):.2f} px, the largest change of a score "
        f"{max((row.score_change for row in done), default=0):.4f}. "
        f"{len(rows) - len(done):,} failed."
    )


def _cells(row: ImageComparison) -> list[str]:
    counts = map(str, (row.both, len(row.lost), len(row.new)))
    return [row.image, *counts, f"{row.shift:.2f}", f"{row.score_change:.4f}"]
