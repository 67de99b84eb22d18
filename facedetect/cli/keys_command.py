"""`facedetect keys`: manage the API keys of the HTTP service."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedetect.cli.console_table import print_table
from facedetect.errors import InvalidSettings
from facedetect.settings import KeysSettings

if TYPE_CHECKING:
    from facedetect.service.keys.key_record import KeyRecord

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Add, list and remove the API keys of the HTTP service.",
)

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

File = Annotated[
    Path | None, typer.Option(help="API key file.", show_default="FACEDETECT_KEYS_FILE")
]


@app.command(no_args_is_help=True)
def add(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Name of the caller; it appears in the log.", show_default=False
        ),
    ],
    *,
    expires: Annotated[
        str | None,
        typer.Option(help="Lifetime, such as 12h, 90d or 52w.", show_default="never"),
    ] = None,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            help="Maximum request rate: 600/minute, or 10/second;600/minute.",
            show_default="FACEDETECT_RATE_LIMIT",
        ),
    ] = None,
    file: File = None,
) -> None:
    """Add a key and print it. It is shown only once: the file stores only a hash.

    A running service accepts it at once.

    Examples:

        facedetect keys add camera --file keys.jsonl

        facedetect keys add "night shift" --expires 90d --rate-limit 600/minute
    """
    from facedetect.service.keys.key_file import add_key

    path = _key_file(file)
    record, text = add_key(path, name, lifetime=_parse_lifetime(expires), rate_limit=rate_limit)
    typer.echo(text)
    until = "" if record.expires is None else f", valid until {_format_time(record.expires)}"
    typer.echo(
        f"Added {record.id} ({name}) to {path}{until}. Copy the key now; it is not shown again. "
        f"To use this file, start the service with FACEDETECT_KEYS_FILE={path}",
        err=True,
    )


@app.command("list")
def list_keys(file: File = None) -> None:
    """List the keys without their secrets.

    Examples:

        facedetect keys list --file keys.jsonl
    """
    from facedetect.service.keys.key_file import read_keys

    path = _key_file(file)
    header = ("id", "name", "created", "expires", "rate limit", "status")
    print_table(header, map(_cells, read_keys(path)))


@app.command(no_args_is_help=True)
def remove(
    key: Annotated[str, typer.Argument(metavar="ID|NAME", show_default=False)],
    file: File = None,
) -> None:
    """Remove a key. A running service rejects it at once.

    Examples:

        facedetect keys remove camera --file keys.jsonl
    """
    from facedetect.service.keys.key_file import remove_key

    path = _key_file(file)
    removed = remove_key(path, key)
    typer.echo(f"Removed {removed.id} ({removed.name}) from {path}", err=True)


def _key_file(file: Path | None) -> Path:
    path = KeysSettings.load(keys_file=file).keys_file
    if path is None:
        raise InvalidSettings("no API key file given; use --file FILE or set FACEDETECT_KEYS_FILE")
    return path


def _cells(key: KeyRecord) -> list[str]:
    expires = "never" if key.expires is None else _format_time(key.expires)
    limit = key.rate_limit or "default"
    status = "expired" if key.is_expired() else "valid"
    return [key.id, key.name, _format_time(key.created), expires, limit, status]


def _parse_lifetime(text: str | None) -> timedelta | None:
    if text is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", text)
    if match is None:
        raise InvalidSettings(
            f"invalid --expires={text!r}: give hours, days or weeks, such as 12h, 90d or 52w"
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _format_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
