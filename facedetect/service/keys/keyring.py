"""Which key a caller has shown; the file may change while the service runs."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from facedetect.errors import InvalidSettings, Overloaded, Unauthorized
from facedetect.service.keys.key_file import read_keys
from facedetect.service.keys.records import KeyRecord, parse_key

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_CHECKS_OF_ONE_KEY = 4
_WRONG_ONES_REMEMBERED = 1024

_NOT_KNOWN = "the API key is not known; ask who runs the service for one"


class Keyring:
    """Knows the keys of a file. For one event loop.

    A key is checked against its hash once, in a thread, and by its digest from then on. Wrong
    secrets for a key that exists cost a check each: no more than a few of them wait at a time,
    and not for those of other keys.
    """

    def __init__(self, path: Path) -> None:
        """Raises InvalidSettings if the file cannot be used."""
        self._path = path
        self._signature = _signature(path)
        self._keys = {key.id: key for key in read_keys(path)}
        if not self._keys:
            logger.warning("%s holds no keys: every call will be refused", path)
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        self._proven: dict[str, bytes] = {}
        self._wrong: dict[bytes, None] = {}
        self._checks: dict[tuple[str, bytes], asyncio.Task[bool]] = {}
        self._limiter = CapacityLimiter(1)

    async def identify(self, text: str) -> KeyRecord:
        """Return the record of a key. Raises Unauthorized, and Overloaded for too many checks."""
        self._reload_if_changed()
        presented = parse_key(text)
        key = None if presented is None else self._keys.get(presented.id)
        if presented is None or key is None:
            raise Unauthorized(_NOT_KNOWN)
        digest = hashlib.sha256(text.encode()).digest()
        proven = self._proven.get(key.id, b"")
        if not hmac.compare_digest(proven, digest):
            await self._prove(key, presented.secret, digest)
        if key.is_expired():
            raise Unauthorized(
                f"the API key {key.name} expired on {key.expires:%Y-%m-%d %H:%M} UTC"
            )
        return key

    async def _prove(self, key: KeyRecord, secret: str, digest: bytes) -> None:
        right = digest not in self._wrong and await self._check(key, secret, digest)
        # The file may have changed meanwhile.
        if not right or self._keys.get(key.id) != key:
            raise Unauthorized(_NOT_KNOWN)

    async def _check(self, key: KeyRecord, secret: str, digest: bytes) -> bool:
        """Check a secret, once for all who show it at the same time."""
        check = self._checks.get((key.id, digest))
        if check is None:
            if sum(key_id == key.id for key_id, _ in self._checks) >= _CHECKS_OF_ONE_KEY:
                words = "too many API keys are being checked; come again in 1 s"
                raise Overloaded(words, 1.0, "key_checks")
            check = asyncio.create_task(self._check_and_remember(key, secret, digest))
            self._checks[key.id, digest] = check
        return await asyncio.shield(check)

    async def _check_and_remember(self, key: KeyRecord, secret: str, digest: bytes) -> bool:
        try:
            right = await to_thread.run_sync(key.has_secret, secret, limiter=self._limiter)
        finally:
            del self._checks[key.id, digest]
        if self._keys.get(key.id) != key:
            return False
        if right:
            self._proven[key.id] = digest
        else:
            self._wrong[digest] = None
            if len(self._wrong) > _WRONG_ONES_REMEMBERED:
                del self._wrong[next(iter(self._wrong))]
        return right

    def _reload_if_changed(self) -> None:
        """Read the file anew if it has changed; a broken one leaves the keys as they were."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY_S
        signature = _signature(self._path)
        if signature == self._signature:
            return
        self._signature = signature
        try:
            keys = {key.id: key for key in read_keys(self._path)}
        except InvalidSettings as error:
            logger.error("the API keys stay as they were: %s", error)  # noqa: TRY400 - no bug
            return
        self._forget_changed(keys)
        self._keys = keys
        logger.info("the API keys were read anew: %d", len(keys))

    def _forget_changed(self, keys: dict[str, KeyRecord]) -> None:
        self._proven = {
            key_id: digest
            for key_id, digest in self._proven.items()
            if keys.get(key_id) == self._keys[key_id]
        }
        self._wrong.clear()


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
