"""The command line, `facedetect COMMAND`: one module per command, imported when it runs."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

import facedetect
from facedetect.cli.exit_codes import CANNOT_WRITE, EXIT_CODES
from facedetect.cli.lazy_commands import LazyCommandGroup, help_markup
from facedetect.errors import FacedetectError, format_with_notes

app = typer.Typer(
    cls=LazyCommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find faces in images. Exit codes: 0 success, 1 an image could not be processed, "
    "2 an invalid option or file, 3 the model is unavailable, 4 no face with --fail-if-none.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facedetect {facedetect.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; turn expected errors into one line and an exit code."""
    app.rich_markup_mode = help_markup()
    try:
        app()
    except FacedetectError as error:
        _exit(format_with_notes(error), EXIT_CODES[type(error)])
    except OSError as error:
        _exit(str(error), CANNOT_WRITE)


def _exit(message: str, code: int) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    sys.exit(code)
