"""`facedetect hide`: hide the faces in pictures and videos."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from facedetect.archive.media_suffixes import VIDEO_SUFFIXES
from facedetect.archive.one_file import output_name
from facedetect.cli import options
from facedetect.cli.detection_options import takes_detection_params
from facedetect.cli.file_annotation import annotate_files
from facedetect.cli.result_files import STANDARD_OUTPUT, result_file
from facedetect.detection_params import DetectionParams
from facedetect.errors import InvalidSettings
from facedetect.images import ENCODED_SUFFIXES, Metadata
from facedetect.styles import HidingStyle

_FILE_SUFFIXES = {*ENCODED_SUFFIXES, *VIDEO_SUFFIXES}


@takes_detection_params
def hide(  # noqa: PLR0913 - a command's options are its arguments
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Output file, or a folder for several. - is a PNG on standard output.",
            show_default=False,
        ),
    ],
    *,
    style: Annotated[
        HidingStyle, typer.Option(help="How to hide faces; image needs --image.")
    ] = "blur",
    shape: options.Shape = "rectangle",
    margin: options.Margin = options.DEFAULT_MARGIN,
    mask_image: options.MaskImage = None,
    metadata: Annotated[
        Metadata,
        typer.Option(help="Metadata to keep: EXIF and colour profile, only the profile, or none."),
    ] = "colour",
    stride: options.Stride = 1,
    params: DetectionParams,
    backend: options.Backend = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Hide the faces in copies of pictures and videos.

    Sources are never changed; - reads a picture from standard input. A face that is not found is
    not hidden: check the results, and use --preset few-misses to miss fewer. For whole folders use
    annotate-folder, which can resume.

    Examples:

        facedetect hide group.jpg -o public.jpg

        facedetect hide *.jpg clip.mp4 -o public/ --style pixelate

        facedetect hide party.mp4 -o public.mp4 --style image --image smiley.png
    """
    if output == STANDARD_OUTPUT and len(files) > 1:
        raise InvalidSettings(f"-o - is one picture; give a folder for the {len(files)} results")
    with result_file(output) as file:
        annotate_files(
            _outputs(files, file),
            backend,
            quiet=quiet or output == STANDARD_OUTPUT,
            verbose=verbose,
            params=params,
            style=style,
            mask=options.parse_mask(shape, margin, mask_image),
            metadata=metadata,
            stride=stride,
        )


def _outputs(files: list[Path], output: Path) -> dict[Path, Path]:
    """Map each file to its output.

    Raises InvalidSettings if two share an output, or if several are to be one file.
    """
    if len(files) == 1 and not output.is_dir():
        return {files[0]: output}
    if output.exists() and not output.is_dir():
        raise InvalidSettings(f"{output} is a file; give a folder for the {len(files)} results")
    if not output.exists() and output.suffix.lower() in _FILE_SUFFIXES:
        raise InvalidSettings(
            f"-o is {output}, which looks like a file; several files need a folder: -o "
            f"{output.with_suffix('')}/"
        )
    outputs = {file: output / output_name(file) for file in files}
    twice = [path for path, count in Counter(outputs.values()).items() if count > 1]
    if twice:
        raise InvalidSettings(
            f"two files would be written to {twice[0]}; hide them in separate runs"
        )
    return outputs
