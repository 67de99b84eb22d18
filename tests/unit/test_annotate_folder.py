"""`facedetect.archive.annotate_folder`, called from Python."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from facedetect.archive import FolderProgress, annotate_folder, preview_folder
from facedetect.errors import BackendUnavailable, InvalidSettings
from facedetect.settings import DetectorSettings
from facedetect.styles import DisplayStyle

AWAY = DetectorSettings.load(backend="grpc://127.0.0.1:9/mtcnn", timeout_s=1)


def test_a_model_that_is_away_ends_the_call_before_any_file(source: Path, out: Path) -> None:
    stages: list[FolderProgress] = []
    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        annotate_folder(source, out, on_progress=stages.append, settings=AWAY)
    assert [progress.stage for progress in stages] == ["loading the model"]
    with pytest.raises(BackendUnavailable):
        next(preview_folder(source, out, settings=AWAY))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "local", "ray_address": "auto"}, "requires the ray engine"),
        ({"reports": ["parquet", "pdf"]}, "'pdf' is not a report"),
        ({"style": "blur", "crops": "plain"}, "the style blur hides faces, but crops"),
        ({"style": "solid", "crops": "aligned"}, "--style none --crops, or allow them with"),
        ({"exclude": ["/"]}, "'/' is not a pattern"),
    ],
)
def test_options_that_cannot_be_right_are_told(
    source: Path, out: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidSettings, match=message):
        annotate_folder(source, out, settings=AWAY, **options)  # type: ignore[arg-type]


def test_what_hides_writes_clear_crops_only_if_it_is_told_so(source: Path, out: Path) -> None:
    styles: tuple[DisplayStyle, ...] = ("blur", "pixelate", "solid")
    for style in styles:
        with pytest.raises(BackendUnavailable):  # so the options were accepted
            annotate_folder(
                source, out, style=style, crops="plain", clear_crops=True, settings=AWAY
            )
    with pytest.raises(BackendUnavailable):
        annotate_folder(source, out, style="box", crops="plain", settings=AWAY)


def test_the_source_must_be_a_folder(tmp_path: Path, out: Path) -> None:
    with pytest.raises(InvalidSettings, match="cannot be listed"):
        annotate_folder(tmp_path / "none", out, settings=AWAY, stop=Event())
