"""An API key: what its owner is told once, and what is kept of it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from facedetect.service.rate_limits import parse_rate_limit

_ID_BYTES, _SECRET_BYTES = 4, 20
_KEY = re.compile(rf"fd_([0-9a-f]{{{2 * _ID_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})")

# OWASP's least for passwords. A secret of 160 random bits cannot be guessed, whatever its hash
# costs: more would only be work for those who send wrong ones to make.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 2**10, parallelism=1)


@dataclass(frozen=True)
class PresentedKey:
    """The two parts of a key that a caller sends."""

    id: str
    secret: str


class KeyRecord(BaseModel):
    """All that is kept of a key; its secret is not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=rf"^[0-9a-f]{{{2 * _ID_BYTES}}}$")
    name: str
    created: AwareDatetime
    expires: AwareDatetime | None = None
    rate_limit: str | None = None
    hash: str

    @field_validator("name")
    @classmethod
    def _can_be_logged(cls, value: str) -> str:
        if re.fullmatch(r"\w[\w .@+-]{0,63}", value) is None:
            raise ValueError(
                f"{value!r} is no name; take at most 64 letters, digits, spaces and .@+-_"
            )
        return value

    @field_validator("hash")
    @classmethod
    def _is_argon2(cls, value: str) -> str:
        extract_parameters(value)
        return value

    @field_validator("rate_limit")
    @classmethod
    def _can_be_read(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rate_limit(value)
        return value

    def is_expired(self) -> bool:
        return self.expires is not None and self.expires <= datetime.now(UTC)

    def has_secret(self, secret: str) -> bool:
        """Takes some tens of milliseconds, and 19 MiB for as long."""
        try:
            return _hasher.verify(self.hash, secret)
        except VerifyMismatchError:
            return False


def parse_key(text: str) -> PresentedKey | None:
    """Return the parts of `fd_<id>_<secret>`, None for any other text."""
    found = _KEY.fullmatch(text)
    return None if found is None else PresentedKey(found[1], found[2])


def make_key(
    name: str, *, lifetime: timedelta | None, rate_limit: str | None, taken: Collection[str]
) -> tuple[KeyRecord, str]:
    """Return a new key's record and its text, which is nowhere else; its id is none of `taken`.

    Raises ValueError for a name or a rate limit that cannot be one.
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
        hash=_hasher.hash(secret),
    )
    return record, f"fd_{key_id}_{secret}"
