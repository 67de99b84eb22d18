"""`facedetect annotate --server`: a running service annotates the image."""

from __future__ import annotations

from pathlib import Path

import typer

from facedetect.archive.media_suffixes import is_video
from facedetect.cli.image_sources import image_source
from facedetect.client import AnnotationFormat, AnnotationStyle, Client
from facedetect.detection_params import DetectionParams
from facedetect.errors import InvalidSettings
from facedetect.files import write_atomically
from facedetect.formatting import printable
from facedetect.hiding import DEFAULT_MASK, Mask
from facedetect.presets import to_options
from facedetect.settings import ClientSettings
from facedetect.styles import DrawnStyle

_FORMATS: dict[str, AnnotationFormat] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
}


def annotate_at_server(
    client: ClientSettings,
    source: Path,
    output: Path,
    params: DetectionParams,
    *,
    style: DrawnStyle,
    mask: Mask,
    quiet: bool,
) -> None:
    """Let the configured service annotate an image, and write the result.

    Raises InvalidSettings for what a service does not support, and the errors of Client.
    """
    if is_video(source.name):
        raise InvalidSettings("a service does not accept videos; leave out --server")
    output_format = _FORMATS.get(output.suffix.lower())
    if output_format is None:
        raise InvalidSettings(
            f"a service does not write {output.suffix or 'files without a suffix'}; "
            f"use {', '.join(_FORMATS)}"
        )
    service_style = _service_style(style, mask)
    with Client(client.server or "", api_key=client.api_key) as service:
        data = service.annotate(
            image_source(source), style=service_style, format=output_format, **to_options(params)
        )
    write_atomically(output, data)
    if not quiet:
        typer.echo(printable(str(output)))


def _service_style(style: DrawnStyle, mask: Mask) -> AnnotationStyle:
    if style == "image" or mask != DEFAULT_MASK:
        raise InvalidSettings(
            "a service has its own masks: leave out --shape, --margin and --image, or --server"
        )
    return style
