"""The API keys the service accepts; their file may change while it runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from facedetect.errors import InvalidSettings, Unauthorized
from facedetect.service.keys.key_file import read_keys, renewal_command
from facedetect.service.keys.key_record import KeyRecord, parse_key

logger = logging.getLogger(__name__)

_CHECK_INTERVAL_S = 1.0


class Keyring:
    """The keys of a file, reread within a second of a change."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns seconds. Raises InvalidSettings if the file cannot be used."""
        self._path = path
        self._clock = clock
        self._signature = _file_signature(path)
        self._keys = self._read()
        self._next_check = clock() + _CHECK_INTERVAL_S

    def authenticate(self, text: str) -> KeyRecord:
        """Return the record of a key. Raises Unauthorized for one that is not valid."""
        self._reload_if_changed()
        presented = parse_key(text)
        key = None if presented is None else self._keys.get(presented.id)
        if key is not None and key.needs_renewal:
            raise Unauthorized(
                "this API key was created by an earlier version and no longer works; ask the "
                "operator of the service for a new one"
            )
        if presented is None or key is None or not key.has_secret(presented.secret):
            raise Unauthorized("unknown API key; ask the operator of the service for one")
        if key.is_expired():
            raise Unauthorized(
                f"the API key {key.name} expired on {key.expires:%Y-%m-%d %H:%M} UTC; ask the "
                "operator of the service for a new one"
            )
        return key

    def _read(self) -> dict[str, KeyRecord]:
        keys = {key.id: key for key in read_keys(self._path)}
        if not keys:
            logger.warning("%s holds no API keys: all requests get 401", self._path)
        for key in keys.values():
            if key.needs_renewal:
                logger.warning(
                    "API key %s (%s) was created by an earlier version and gets 401; replace it: "
                    "%s",
                    key.id,
                    key.name,
                    renewal_command(self._path, key),
                )
        return keys

    def _reload_if_changed(self) -> None:
        """Keep the present keys if the changed file cannot be read."""
        now = self._clock()
        if now < self._next_check:
            return
        self._next_check = now + _CHECK_INTERVAL_S
        signature = _file_signature(self._path)
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._keys = self._read()
        except InvalidSettings as error:
            logger.error("keeping the previous API keys: %s", error)  # noqa: TRY400 - no bug
        else:
            logger.info("reloaded %d API keys", len(self._keys))


def _file_signature(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
