"""The API keys that the service accepts; the file may change while it runs."""

from __future__ import annotations

import logging
from pathlib import Path

from facedetect.errors import InvalidSettings, Unauthorized
from facedetect.service.keys.key_file import read_keys
from facedetect.service.keys.key_record import KeyRecord

logger = logging.getLogger(__name__)


class Keyring:
    """The keys of a file, which is reloaded when it changes."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidSettings if the file cannot be used."""
        self._path = path
        self._stat_key = _stat_key(path)
        self._keys = self._read()

    def authenticate(self, text: str) -> KeyRecord:
        """Return the record of a key. Raises Unauthorized for an invalid key."""
        self._reload_if_changed()
        key_id = text.removeprefix("fd_").partition("_")[0]
        key = self._keys.get(key_id)
        if key is None or not key.matches(text):
            raise Unauthorized("unknown API key; ask the operator of the service for a valid one")
        if key.is_expired():
            raise Unauthorized(
                f"the API key {key.name} expired on {key.expires:%Y-%m-%d %H:%M} UTC; ask the "
                "operator of the service for a new one"
            )
        return key

    def _read(self) -> dict[str, KeyRecord]:
        keys = {key.id: key for key in read_keys(self._path)}
        if not keys:
            logger.warning("%s contains no API keys: all requests get 401", self._path)
        return keys

    def _reload_if_changed(self) -> None:
        """Reload a changed file; keep the current keys if it cannot be read."""
        stat_key = _stat_key(self._path)
        if stat_key == self._stat_key:
            return
        self._stat_key = stat_key
        try:
            self._keys = self._read()
        except InvalidSettings as error:
            logger.error("keeping the previous API keys: %s", error)  # noqa: TRY400 - no bug
        else:
            logger.info("reloaded %d API keys", len(self._keys))


def _stat_key(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
