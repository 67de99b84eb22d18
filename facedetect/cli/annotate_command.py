"""`facedetect annotate`: one image with its faces drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedetect import render
from facedetect.cli import options
from facedetect.cli.detection_options import takes_detection_params
from facedetect.cli.formatting import counted
from facedetect.errors import InvalidSettings
from facedetect.faces import DetectionParams
from facedetect.images import SourceImage, check_encoded_suffix, read_image_file, write_image
from facedetect.settings import DetectorSettings


@takes_detection_params
def annotate(
    image: Annotated[Path, typer.Argument(show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Output file; its suffix is the format.", show_default=False
        ),
    ],
    *,
    params: DetectionParams,
    backend: options.Backend = None,
) -> None:
    """Draw boxes, landmarks and scores on a copy of an image.

    Example:

        facedetect annotate group.jpg -o group-faces.png
    """
    check_encoded_suffix(output.suffix)
    if output.exists() and output.samefile(image):
        raise InvalidSettings(f"{output} is the input image; give another output file")
    with DetectorSettings.load(backend=backend).open_detector() as detector:
        with SourceImage.open(read_image_file(image, detector.limits), detector.limits) as source:
            icc_profile = source.read_encoding().icc_profile
            upright = source.decode()
        faces = detector.detect(upright, params)
    write_image(output, render.annotate(upright, faces), icc_profile=icc_profile)
    typer.echo(f"{output}: {counted(len(faces), 'face')}")
