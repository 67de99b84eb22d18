"""`facedetect serve`: the HTTP service."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from facedetect.settings import Settings


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port.", show_default="8000")] = None,
    backend: Annotated[
        str | None, typer.Option(help="Where the model runs.", show_default="embedded:")
    ] = None,
) -> None:
    """Serve POST /detect over HTTP.

    Every setting is an environment variable, such as FACEDETECT_PORT; docs/settings.md has them.

    Examples:

        facedetect serve

        FACEDETECT_MAX_IMAGE_PIXELS=12000000 facedetect serve --port 9000
    """
    import uvicorn

    from facedetect.memory import keep_freed_buffers
    from facedetect.service import create_app

    keep_freed_buffers()
    settings = Settings.load(host=host, port=port, backend=backend)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(message)s")
    with settings.open_detector() as detector:
        app = create_app(settings, detector)
        uvicorn.run(app, host=settings.host, port=settings.port, server_header=False)
