"""`facedetect serve`: the HTTP service."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from facedetect.cli.options import DefaultOf
from facedetect.settings import ServiceSettings, warn_of_misspelt_settings

# In addition to one per thread: for the headers of images in the queue, and for light work.
_MORE_DECODERS = 2

_NOT_STARTED = 3  # for example, another program has just taken the port


def serve(
    *,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on.", default_factory=DefaultOf("127.0.0.1")),
    ],
    port: Annotated[int | None, typer.Option(help="Port.", default_factory=DefaultOf("8000"))],
    backend: Annotated[
        str | None,
        typer.Option(help="Where the model runs.", default_factory=DefaultOf("embedded:")),
    ],
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Accept requests without an API key.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log at debug level.")] = False,
) -> None:
    """Run the HTTP service.

    Configure it with environment variables such as FACEDETECT_PORT, or in a file;
    docs/settings.md lists all settings.

    Examples:

        facedetect serve

        FACEDETECT_MAX_IMAGE_PIXELS=12000000 facedetect serve --port 9000
    """
    from facedetect.cli.logs import set_up_logs
    from facedetect.memory import keep_freed_buffers
    from facedetect.service.http_server import (
        check_address,
        make_server,
        raise_open_file_limit,
    )

    keep_freed_buffers()
    raise_open_file_limit()
    settings = ServiceSettings.load(
        host=host,
        port=port,
        backend=backend,
        without_keys=without_keys or None,
        log_level="debug" if verbose else "warning" if quiet else None,
    )
    settings.require_keys_on_public_host()
    check_address(settings.host, settings.port)
    set_up_logs(settings.log_format, settings.log_level)
    warn_of_misspelt_settings()
    with settings.open_detector(settings.threads + _MORE_DECODERS) as detector:
        server = make_server(settings, detector)
        with suppress(KeyboardInterrupt):
            server.run()
    if not server.started:
        raise typer.Exit(_NOT_STARTED)
