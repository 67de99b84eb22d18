"""Commands that are imported when they run, so that `facedetect --help` imports none of them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

# In the order of the help. A summary is the first line of the command's own docstring.
COMMANDS = {
    "detect": "Find the faces in images.",
    "annotate": "Draw boxes, landmarks and scores on a copy of a picture or video.",
    "hide": "Hide the faces on copies of pictures and videos.",
    "annotate-folder": "Draw, or hide, the faces on every picture and video below the folder IN.",
    "serve": "Serve POST /detect over HTTP.",
    "model-server": (
        "Serve a SavedModel as TensorFlow Serving does, where its binary is not available."
    ),
    "freeze": "Build MTCNN as one frozen graph.",
    "convert": "Turn a frozen graph or a checkpoint into a SavedModel for TensorFlow Serving.",
    "inspect": "List a SavedModel's signatures, or the possible inputs and outputs of a graph.",
    "compare": "Show what a new version of the model changes in the images below FOLDER.",
    "evaluate": "Measure the accuracy of detectors on labelled images.",
    "keys": "Add, list and remove the API keys of the HTTP service.",
}
_NEED_NO_ARGUMENTS = {"serve", "model-server"}  # the others show their help


class LazyCommandGroup(TyperGroup):
    """A group of the commands in COMMANDS."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click gives it
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> LazyCommand | None:  # noqa: ARG002
        return LazyCommand(cmd_name) if cmd_name in COMMANDS else None


class LazyCommand(TyperCommand):
    """Stands for a command in the group's help; the command itself takes its place to run."""

    def __init__(self, name: str) -> None:
        summary = COMMANDS[name]
        super().__init__(name, help=summary, short_help=summary, rich_markup_mode=help_markup())

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Parse the arguments with the command itself, which is imported now."""
        return load_command(str(self.name)).make_context(info_name, args, parent, **extra)


def help_markup() -> Literal["markdown"] | None:
    """How helps and usage errors are laid out: in boxes on a terminal, else as plain text."""
    return "markdown" if sys.stdout.isatty() and sys.stderr.isatty() else None


def load_command(name: str) -> Any:
    """Import the command: its module's Typer `app`, or the function that is called as it is."""
    attribute = name.replace("-", "_")
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
