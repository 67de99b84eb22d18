"""The command line: `facedetect COMMAND`; one module a command."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

import facedetect
from facedetect.cli.annotate import annotate
from facedetect.cli.annotate_folder import annotate_folder
from facedetect.cli.compare import compare
from facedetect.cli.convert import convert
from facedetect.cli.detect import detect
from facedetect.cli.errors import CANNOT_WRITE, EXIT_CODES
from facedetect.cli.evaluate import evaluate
from facedetect.cli.freeze import freeze
from facedetect.cli.inspect import inspect
from facedetect.cli.keys import app as keys
from facedetect.cli.model_server import model_server
from facedetect.cli.serve import serve
from facedetect.errors import FacedetectError, format_with_notes

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Find faces in images. Exit codes: 0 all well, 1 an image could not be used, "
    "2 a wrong option or file, 3 the model could not answer.",
)
for command in (
    detect,
    annotate,
    annotate_folder,
    serve,
    model_server,
    freeze,
    convert,
    inspect,
    compare,
    evaluate,
):
    app.command(no_args_is_help=command not in {serve, model_server})(command)
app.add_typer(keys, name="keys")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facedetect {facedetect.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; errors that are no bugs become a line and an exit code."""
    try:
        app()
    except FacedetectError as error:
        _end(format_with_notes(error), EXIT_CODES[type(error)])
    except OSError as error:
        _end(str(error), CANNOT_WRITE)


def _end(words: str, code: int) -> NoReturn:
    typer.echo(f"error: {words}", err=True)
    sys.exit(code)
