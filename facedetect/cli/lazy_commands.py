"""Commands are imported only when they run, so `facedetect --help` imports none of them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from facedetect.cli.signals import killed_by_ctrl_c

# In the order the help lists them. Each summary is the first line of the command's docstring.
COMMANDS = {
    "detect": "Find the faces in images.",
    "annotate": "Draw boxes, landmarks and scores on a copy of a picture or video.",
    "hide": "Hide the faces in copies of pictures and videos.",
    "annotate-folder": "Mark or hide the faces in every picture and video below the folder IN.",
    "serve": "Run the HTTP service.",
    "model-server": (
        "Serve a SavedModel over TensorFlow Serving's protocols, for development and tests."
    ),
    "freeze": "Build MTCNN as a single frozen graph.",
    "convert": "Convert a frozen graph or a checkpoint to a SavedModel for TensorFlow Serving.",
    "inspect": "List a SavedModel's signatures, or the possible inputs and outputs of a graph.",
    "compare": "Compare what two versions of a model detect in the images below FOLDER.",
    "evaluate": "Measure the accuracy of detectors on labelled images.",
    "keys": "Add, list and remove the API keys of the HTTP service.",
}
_NEED_NO_ARGUMENTS = {"serve", "model-server"}  # the others print their help


class LazyCommandGroup(TyperGroup):
    """The group of all commands in COMMANDS."""

    def __init__(self, **attributes: Any) -> None:
        commands = {name: LazyCommand(name) for name in COMMANDS}
        super().__init__(**{**attributes, "commands": commands})


class LazyCommand(TyperCommand):
    """A placeholder in the group's help; the real command replaces it when it runs."""

    def __init__(self, name: str) -> None:
        summary = COMMANDS[name]
        super().__init__(name, help=summary, short_help=summary, rich_markup_mode=help_markup())

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Import the command and let it parse the arguments."""
        return load_command(str(self.name)).make_context(info_name, args, parent, **extra)


def help_markup() -> Literal["markdown"] | None:
    """Return the layout of help and usage errors: boxes on a terminal, plain text elsewhere."""
    return "markdown" if sys.stdout.isatty() and sys.stderr.isatty() else None


def load_command(name: str) -> Any:
    """Import the command: its module's Typer `app`, or its function."""
    attribute = name.replace("-", "_")
    with killed_by_ctrl_c():
        module = import_module(f"facedetect.cli.{attribute}_command")
    loaded = getattr(module, "app", None)
    if loaded is None:
        loaded = typer.Typer(add_completion=False)
        shows_help = name not in _NEED_NO_ARGUMENTS
        loaded.command(name, no_args_is_help=shows_help)(getattr(module, attribute))
    loaded.rich_markup_mode = help_markup()
    command = typer.main.get_command(loaded)
    command.name = name
    return command
