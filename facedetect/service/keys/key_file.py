"""The file of API keys: a line of JSON for each, written whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE

from pydantic import ValidationError

from facedetect.errors import InvalidSettings
from facedetect.files import written_whole
from facedetect.service.keys.records import KeyRecord, make_key

_MODE = 0o600


def read_keys(path: Path) -> list[KeyRecord]:
    """Raises InvalidSettings for a file that is not there, cannot be read or has a broken line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError as error:
        raise InvalidSettings(
            f"there is no file of API keys at {path}; make it with "
            f"facedetect keys add NAME --file {path}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"the file of API keys cannot be read: {path}: {error}") from error
    keys = [_read_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if len({key.id for key in keys}) < len(keys):
        raise InvalidSettings(f"{path} has two keys with one id; remove one of them")
    return keys


def _read_line(path: Path, number: int, line: str) -> KeyRecord:
    try:
        return KeyRecord.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the line"
        raise InvalidSettings(
            f"{path}, line {number}, is no API key: {place}: {first['msg']}; "
            "put it back as it was, or remove the line"
        ) from error


def add_key(
    path: Path, name: str, *, lifetime: timedelta | None, rate_limit: str | None
) -> tuple[KeyRecord, str]:
    """Add a new key and return its record and its text; the file is made if it is not there.

    Raises InvalidSettings for a name or rate limit that cannot be one, or a name that is taken.
    """
    with _changing(path) as keys:
        taken = {key.id for key in keys} | {key.name for key in keys}
        if name in taken:
            raise InvalidSettings(
                f"{path} has a key named {name!r}; choose another name, or remove that one first"
            )
        try:
            record, text = make_key(name, lifetime=lifetime, rate_limit=rate_limit, taken=taken)
        except ValidationError as error:
            words = (str(item["ctx"]["error"]) for item in error.errors())
            raise InvalidSettings("; ".join(words)) from error
        keys.append(record)
    return record, text


def remove_key(path: Path, id_or_name: str) -> KeyRecord:
    """Remove a key and return what its record was. Raises InvalidSettings if there is no such."""
    read_keys(path)  # a file that is not there is not made
    with _changing(path) as keys:
        for key in keys:
            if id_or_name in {key.id, key.name}:
                keys.remove(key)
                return key
        names = ", ".join(f"{key.id} ({key.name})" for key in keys) or "none"
        raise InvalidSettings(f"{path} has no key {id_or_name!r}; there are: {names}")


@contextmanager
def _changing(path: Path) -> Iterator[list[KeyRecord]]:
    """Give the keys to change, and write them if all went well. Others wait meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The folder is locked: the file itself is replaced, and a lock on it with it.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = read_keys(path) if path.exists() else []
        yield keys
        _write(path, keys)
    finally:
        os.close(folder)


def _write(path: Path, keys: list[KeyRecord]) -> None:
    with written_whole(path) as unfinished:
        unfinished.touch(_MODE, exist_ok=False)
        if path.exists():  # whoever reads it now, such as the user of a container, still may
            old = path.stat()
            unfinished.chmod(S_IMODE(old.st_mode))
            os.chown(unfinished, old.st_uid, old.st_gid)
        lines = (json.dumps(key.model_dump(mode="json", exclude_none=True)) for key in keys)
        unfinished.write_text("".join(f"{line}\n" for line in lines), "utf-8")
