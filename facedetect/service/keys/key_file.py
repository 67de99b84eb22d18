"""The API key file: one JSON line per key, always replaced atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE

from pydantic import ValidationError

from facedetect.errors import InvalidSettings
from facedetect.files import atomic_draft, lock_file
from facedetect.service.keys.key_record import KeyRecord, make_key

_MODE = 0o600


def read_keys(path: Path) -> list[KeyRecord]:
    """Raises InvalidSettings if the file is missing, unreadable or has an invalid line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError as error:
        raise InvalidSettings(
            f"the API key file {path} does not exist; create it with "
            f"facedetect keys add NAME --file {path}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"the API key file {path} cannot be read: {error}") from error
    keys = [_read_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if len({key.id for key in keys}) < len(keys):
        raise InvalidSettings(f"{path} has two keys with the same id; remove one of the lines")
    return keys


def _read_line(path: Path, number: int, line: str) -> KeyRecord:
    try:
        return KeyRecord.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        reason = ": ".join([*map(str, first["loc"]), first["msg"]])
        raise InvalidSettings(
            f"{path}, line {number}: not a valid API key: {reason}; remove the line and create the "
            "key again with facedetect keys add"
        ) from error


def add_key(
    path: Path, name: str, *, lifetime: timedelta | None, rate_limit: str | None
) -> tuple[KeyRecord, str]:
    """Add a key and return its record and its text; create the file if it does not exist.

    Raises InvalidSettings for an invalid name or rate limit, or a name already in use.
    """
    with _edit_keys(path) as keys:
        taken = {key.id for key in keys} | {key.name for key in keys}
        if name in taken:
            raise InvalidSettings(
                f"{path} already has a key named {name!r}; choose another name or remove that "
                "key first"
            )
        try:
            record, text = make_key(name, lifetime=lifetime, rate_limit=rate_limit, taken=taken)
        except ValidationError as error:
            messages = (str(item["ctx"]["error"]) for item in error.errors())
            raise InvalidSettings("; ".join(messages)) from error
        keys.append(record)
    return record, text


def remove_key(path: Path, id_or_name: str) -> KeyRecord:
    """Remove a key and return its record. Raises InvalidSettings if it does not exist."""
    read_keys(path)  # raises for a missing file, which _edit_keys would create
    with _edit_keys(path) as keys:
        for key in keys:
            if id_or_name in {key.id, key.name}:
                keys.remove(key)
                return key
        present = ", ".join(f"{key.id} ({key.name})" for key in keys) or "none"
        raise InvalidSettings(f"{path} has no key {id_or_name!r}; its keys: {present}")


@contextmanager
def _edit_keys(path: Path) -> Iterator[list[KeyRecord]]:
    """Yield the keys for editing and write them on success; one process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Lock the folder: the file is replaced, which would lose a lock on it.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        lock_file(folder, wait=True)
        keys = read_keys(path) if path.exists() else []
        yield keys
        _write(path, keys)
    finally:
        os.close(folder)


def _write(path: Path, keys: list[KeyRecord]) -> None:
    with atomic_draft(path) as unfinished:
        unfinished.touch(_MODE, exist_ok=False)
        if path.exists():  # keep its permissions, for readers such as a container's user
            old = path.stat()
            unfinished.chmod(S_IMODE(old.st_mode))
            os.chown(unfinished, old.st_uid, old.st_gid)
        lines = (json.dumps(key.model_dump(mode="json", exclude_none=True)) for key in keys)
        unfinished.write_text("".join(f"{line}\n" for line in lines), "utf-8")
