"""An API key: the text given to its owner once, and the record kept of it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from facedetect.service.rate_limits import parse_rate_limit

_ID_BYTES, _SECRET_BYTES = 4, 20
_KEY = re.compile(rf"fd_([0-9a-f]{{{2 * _ID_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ARGON2 = re.compile(r"\$argon2[!-~]+")


@dataclass(frozen=True)
class PresentedKey:
    """The two parts of a key sent by a caller."""

    id: str
    secret: str


class KeyRecord(BaseModel):
    """What is stored of a key: `hash` is the SHA-256 of the secret, in hexadecimal.

    A slow, salted hash protects passwords, which people choose and which can be guessed. A secret
    of 160 random bits cannot be guessed at any speed.
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

    @field_validator("hash")
    @classmethod
    def _check_hash(cls, value: str) -> str:
        if _SHA256.fullmatch(value) is None and _ARGON2.fullmatch(value) is None:
            raise ValueError("must be a SHA-256 digest, 64 hexadecimal digits")
        return value

    @field_validator("rate_limit")
    @classmethod
    def _check_rate_limit(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rate_limit(value)
        return value

    @property
    def needs_renewal(self) -> bool:
        """Whether the secret was hashed with argon2, by an earlier version: it no longer works."""
        return _ARGON2.fullmatch(self.hash) is not None

    def is_expired(self) -> bool:
        return self.expires is not None and self.expires <= datetime.now(UTC)

    def has_secret(self, secret: str) -> bool:
        """Compare in constant time; False for every secret if the key needs renewal."""
        return hmac.compare_digest(self.hash, _hash_secret(secret))


def parse_key(text: str) -> PresentedKey | None:
    """Split `fd_<id>_<secret>`; None for any other text."""
    match = _KEY.fullmatch(text)
    return None if match is None else PresentedKey(match[1], match[2])


def make_key(
    name: str, *, lifetime: timedelta | None, rate_limit: str | None, taken: Collection[str]
) -> tuple[KeyRecord, str]:
    """Return a new key's record and its text, which is stored nowhere; avoids the ids in `taken`.

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
