"""Checking the API keys of a file that changes while the service runs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from facedetect.errors import Unauthorized
from facedetect.service.keys.key_file import add_key, remove_key
from facedetect.service.keys.keyring import Keyring
from tests.unit.keys import another_secret, append, new_key


def expire(path: Path) -> None:
    """Make the file's first key one that has just expired."""
    first, *others = path.read_text().splitlines()
    record = {**json.loads(first), "expires": datetime.now(UTC).isoformat()}
    path.write_text("\n".join([json.dumps(record), *others]))


def test_keys_are_known_and_others_are_not(keys_file: Path, key: str) -> None:
    ring = Keyring(keys_file)
    for _ in range(3):
        assert ring.authenticate(key).name == "camera"
    key_id, secret = key[3:11], key[12:]
    wrong = ["", "fd_", f"fd_{key_id}", f"fd_{key_id}_", "Bearer x", another_secret(key)]
    wrong += [f"{key}0", f" {key}", key.upper(), f"fd_00000000_{secret}", f"fd_{key_id}{secret}"]
    wrong += [f"{key_id}_{secret}", f"fd_fd_{key_id}_{secret}", f"fd_{key_id}_\xe9{secret}", secret]
    for text in wrong:
        with pytest.raises(Unauthorized, match="unknown API key"):
            ring.authenticate(text)
    assert ring.authenticate(key).name == "camera"


def test_every_digit_of_the_secret_counts(keys_file: Path, key: str) -> None:
    ring = Keyring(keys_file)
    for position in range(12, len(key)):
        digit = "0" if key[position] != "0" else "1"
        with pytest.raises(Unauthorized, match="unknown API key"):
            ring.authenticate(key[:position] + digit + key[position + 1 :])


def test_a_secret_opens_only_its_own_key(keys_file: Path, key: str) -> None:
    other = new_key(keys_file, "door")
    ring = Keyring(keys_file)
    assert ring.authenticate(other).name == "door"
    with pytest.raises(Unauthorized, match="unknown API key"):
        ring.authenticate(key[:12] + other[12:])


def test_changes_of_the_file_are_seen(keys_file: Path, key: str) -> None:
    ring = Keyring(keys_file)
    ring.authenticate(key)
    other = new_key(keys_file, "door")
    assert ring.authenticate(other).name == "door"
    assert ring.authenticate(key).name == "camera"
    remove_key(keys_file, "camera")
    with pytest.raises(Unauthorized):
        ring.authenticate(key)
    assert ring.authenticate(other).name == "door"


def test_a_file_that_breaks_leaves_the_keys_as_they_were(
    keys_file: Path, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    ring = Keyring(keys_file)
    for spoil in (partial(append, keys_file, "{"), keys_file.unlink):
        caplog.clear()
        spoil()
        for _ in range(3):
            assert ring.authenticate(key).name == "camera"
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert str(keys_file) in record.getMessage()
    append(keys_file, "")
    with pytest.raises(Unauthorized):
        ring.authenticate(key)


def test_an_expired_key_is_told_to_those_who_have_it(keys_file: Path, key: str) -> None:
    ring = Keyring(keys_file)
    ring.authenticate(key)
    expire(keys_file)
    with pytest.raises(Unauthorized, match="camera expired on 20"):
        ring.authenticate(key)
    with pytest.raises(Unauthorized, match="unknown API key"):
        ring.authenticate(another_secret(key))


def test_a_key_expires_by_itself(keys_file: Path) -> None:
    record, text = add_key(keys_file, "camera", lifetime=timedelta(hours=1), rate_limit=None)
    assert record.expires is not None
    assert record.expires - record.created == timedelta(hours=1)
    assert not record.is_expired()
    assert text
