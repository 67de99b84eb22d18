"""`facedetect keys`: the API keys of the HTTP service."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from facedetect.errors import InvalidSettings
from facedetect.settings import KeysSettings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Make, list and remove the API keys of the HTTP service.",
)

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

File = Annotated[
    Path | None, typer.Option(help="The file of keys.", show_default="FACEDETECT_KEYS_FILE")
]


@app.command(no_args_is_help=True)
def add(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Who gets it; it stands in the log.", show_default=False
        ),
    ],
    *,
    expires: Annotated[
        str | None, typer.Option(help="After what time: 12h, 90d or 52w.", show_default="never")
    ] = None,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            help="Most requests: 600/minute, or 10/second;600/minute.",
            show_default="FACEDETECT_RATE_LIMIT",
        ),
    ] = None,
    file: File = None,
) -> None:
    """Make a key and print it, once: only a hash of it is kept.

    A service that runs takes it within a second.

    Examples:

        facedetect keys add camera --file keys.jsonl

        facedetect keys add "night shift" --expires 90d --rate-limit 600/minute
    """
    from facedetect.service.keys.key_file import add_key

    path = _path(file)
    record, text = add_key(path, name, lifetime=_lifetime(expires), rate_limit=rate_limit)
    typer.echo(text)
    until = "" if record.expires is None else f", until {_day(record.expires)}"
    typer.echo(
        f"This key is shown once. {path} has its hash, as {record.id} ({name}){until}; "
        f"the service reads it with FACEDETECT_KEYS_FILE={path}",
        err=True,
    )


@app.command("list")
def list_keys(file: File = None) -> None:
    """List the keys: all of them but their secrets.

    Examples:

        facedetect keys list --file keys.jsonl
    """
    from facedetect.service.keys.key_file import read_keys

    table = Table()
    for heading in ("id", "name", "made", "expires", "rate limit"):
        table.add_column(heading)
    for key in read_keys(_path(file)):
        expires = "never" if key.expires is None else _day(key.expires)
        table.add_row(
            key.id,
            key.name,
            _day(key.created),
            f"{expires} (over)" if key.is_expired() else expires,
            key.rate_limit or "as all",
        )
    Console().print(table)


@app.command(no_args_is_help=True)
def remove(
    key: Annotated[str, typer.Argument(metavar="ID|NAME", show_default=False)],
    file: File = None,
) -> None:
    """Remove a key. A service that runs refuses it within a second.

    Examples:

        facedetect keys remove camera --file keys.jsonl
    """
    from facedetect.service.keys.key_file import remove_key

    path = _path(file)
    removed = remove_key(path, key)
    typer.echo(f"{removed.id} ({removed.name}) is no key any more in {path}", err=True)


def _path(file: Path | None) -> Path:
    path = KeysSettings.load(keys_file=file).keys_file
    if path is None:
        raise InvalidSettings(
            "it is not said which file has the keys; use --file FILE or set FACEDETECT_KEYS_FILE"
        )
    return path


def _lifetime(words: str | None) -> timedelta | None:
    if words is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", words)
    if found is None:
        raise InvalidSettings(
            f"--expires={words!r} is no time; give hours, days or weeks, such as 12h, 90d or 52w"
        )
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
