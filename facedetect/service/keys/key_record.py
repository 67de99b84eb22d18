"""An API key: the text shown once to its owner, and the stored record."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from facedetect.service.rate_limits import parse_rate_limit

_ID_BYTES, _SECRET_BYTES = 4, 20


class KeyRecord(BaseModel):
    """The stored record of a key `fd_<id>_<secret>`; `hash` is the secret's SHA-256, as hex.

    Slow, salted hashes protect passwords, which people choose and attackers guess. A secret of 160
    random bits cannot be guessed at any speed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=rf"^[0-9a-f]{{{2 * _ID_BYTES}}}$")
    name: str
    created: AwareDatetime
    expires: AwareDatetime | None = None
    rate_limit: str | None = None
    hash: str

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if re.fullmatch(r"\w[\w .@+-]{0,63}", value) is None:
            raise ValueError(
                f"invalid key name {value!r}: use 1 to 64 letters, digits, spaces and any of "
                ".@+-_, starting with a letter, a digit or _"
            )
        return value

    @field_validator("rate_limit")
    @classmethod
    def _check_rate_limit(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rate_limit(value)
        return value

    @field_validator("hash")
    @classmethod
    def _check_hash(cls, value: str, others: ValidationInfo) -> str:
        if re.fullmatch("[0-9a-f]{64}", value) is None:
            raise ValueError(f"key {others.data.get('name')!r} has no SHA-256 digest")
        return value

    def is_expired(self) -> bool:
        return self.expires is not None and self.expires <= datetime.now(UTC)

    def matches(self, text: str) -> bool:
        """Return whether `text` is this key; compares in constant time."""
        secret = text.removeprefix(f"fd_{self.id}_")
        return hmac.compare_digest(self.hash, _hash_secret(secret))


def make_key(
    name: str, *, lifetime: timedelta | None, rate_limit: str | None, taken: Collection[str]
) -> tuple[KeyRecord, str]:
    """Return a new key's record and its text, which is never stored; avoids the ids in `taken`.

    Raises ValueError for an invalid name or rate limit.
    """
    key_id = secrets.token_hex(_ID_BYTES)
    while key_id in taken:
        key_id = secrets.token_hex(_ID_BYTES)
    secret = secrets.token_hex(_SECRET_BYTES)
    now = datetime.now(UTC).replace(microsecond=0)
    record = KeyRecord(
        id=key_id,
        name=name,
        created=now,
        expires=None if lifetime is None else now + lifetime,
        rate_limit=rate_limit,
        hash=_hash_secret(secret),
    )
    return record, f"fd_{key_id}_{secret}"


def _hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
