"""`facedetect annotate`: mark or hide the faces in one picture or video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedetect.cli import options
from facedetect.cli.detection_options import takes_detection_params
from facedetect.cli.file_annotation import annotate_files
from facedetect.cli.result_files import STANDARD_OUTPUT, result_file
from facedetect.detection_params import DetectionParams
from facedetect.settings import ClientSettings
from facedetect.styles import DrawnStyle


@takes_detection_params
def annotate(  # noqa: PLR0913 - a command's options are its arguments
    image: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Output file; its suffix selects the format. - is a PNG on standard output.",
            show_default=False,
        ),
    ],
    *,
    style: Annotated[DrawnStyle, typer.Option(help="Draw boxes, or hide the faces.")] = "box",
    shape: options.Shape = "rectangle",
    margin: options.Margin = options.DEFAULT_MARGIN,
    mask_image: options.MaskImage = None,
    params: DetectionParams,
    backend: options.Backend = None,
    server: options.Server = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Draw boxes, landmarks and scores on a copy of a picture or video.

    FILE is - for a picture on standard input.

    Examples:

        facedetect annotate group.jpg -o group-faces.png

        facedetect annotate clip.mp4 -o clip-faces.mp4

        curl -s https://example.com/a.jpg | facedetect annotate - -o - > faces.png
    """
    mask = options.parse_mask(shape, margin, mask_image)
    client = ClientSettings.load(server=server)
    quiet = quiet or output == STANDARD_OUTPUT
    with result_file(output) as file:
        if client.server is not None:
            from facedetect.cli.remote_annotation import annotate_at_server

            annotate_at_server(client, image, file, params, style=style, mask=mask, quiet=quiet)
            return
        annotate_files(
            {image: file},
            backend,
            quiet=quiet,
            verbose=verbose,
            params=params,
            style=style,
            mask=mask,
            metadata="colour",
        )
