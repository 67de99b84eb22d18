"""Commands that are imported when they run, so that `facedetect --help` imports none of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class _Source:
    """Where a command is, as `module:name` within this package, and its line in the help."""

    place: str
    summary: str
    no_args_is_help: bool = True


# In the order of the help. A summary is the first line of the command's own docstring.
COMMANDS = {
    "detect": _Source("detect_command:detect", "Find the faces in images."),
    "annotate": _Source(
        "annotate_command:annotate", "Draw boxes, landmarks and scores on a copy of an image."
    ),
    "annotate-folder": _Source(
        "annotate_folder_command:annotate_folder_command",
        "Draw, or hide, the faces on every picture and video below the folder IN.",
    ),
    "serve": _Source("serve_command:serve", "Serve POST /detect over HTTP.", False),
    "model-server": _Source(
        "model_server_command:model_server",
        "Serve a SavedModel as TensorFlow Serving does, where its binary is not available.",
        False,
    ),
    "freeze": _Source("freeze_command:freeze", "Build MTCNN as one frozen graph."),
    "convert": _Source(
        "convert_command:convert",
        "Turn a frozen graph or a checkpoint into a SavedModel for TensorFlow Serving.",
    ),
    "inspect": _Source(
        "inspect_command:inspect", "List a model's signatures, and its possible inputs and outputs."
    ),
    "compare": _Source(
        "compare_command:compare",
        "Show what a new version of the model changes in the images below FOLDER.",
    ),
    "evaluate": _Source(
        "evaluate_command:evaluate",
        "Measure the accuracy of detectors on labelled images.",
    ),
    "keys": _Source("keys_command:app", "Add, list and remove the API keys of the HTTP service."),
}


class LazyCommandGroup(TyperGroup):
    """A group of the commands in COMMANDS."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click gives it
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> LazyCommand | None:  # noqa: ARG002
        return LazyCommand(cmd_name) if cmd_name in COMMANDS else None


class LazyCommand(TyperCommand):
    """Stands for a command in the group's help; the command itself takes its place to run."""

    def __init__(self, name: str) -> None:
        super().__init__(name, help=COMMANDS[name].summary, rich_markup_mode="markdown")

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Parse the arguments with the command itself, which is imported now."""
        return load_command(str(self.name)).make_context(info_name, args, parent, **extra)


def load_command(name: str) -> Any:
    """Import the command of that name."""
    source = COMMANDS[name]
    module, _, attribute = source.place.partition(":")
    loaded = getattr(import_module(f"facedetect.cli.{module}"), attribute)
    if not isinstance(loaded, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        single.command(name, no_args_is_help=source.no_args_is_help)(loaded)
        loaded = single
    command = typer.main.get_command(loaded)
    command.name = name
    return command
