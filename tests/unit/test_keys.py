"""API keys: their format, their records and their file."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedetect.errors import InvalidSettings
from facedetect.service.keys.key_file import add_key, read_keys, remove_key
from facedetect.service.keys.key_record import make_key
from facedetect.service.keys.keyring import Keyring
from tests.unit.keys import ARGON2_LINE, append, new_key


def test_a_key_is_its_id_and_a_secret_that_is_not_kept(keys_file: Path) -> None:
    record, text = add_key(keys_file, "camera", lifetime=None, rate_limit=None)
    prefix, key_id, secret = text.split("_")
    assert (prefix, key_id) == ("fd", record.id)
    assert len(bytes.fromhex(secret)) * 8 >= 128
    assert secret not in keys_file.read_text()
    assert record.hash == hashlib.sha256(secret.encode()).hexdigest()
    assert record.matches(text)


@given(st.text() | st.from_regex(r"fd_[0-9a-f]{6,10}_[0-9a-f]{38,42}", fullmatch=True))
def test_no_other_text_is_the_key(other: str) -> None:
    record, text = make_key("camera", lifetime=None, rate_limit=None, taken=())
    for wrong in (other, other + text, text + other, text[:12] + other):
        assert record.matches(wrong) == (wrong == text)


def test_ids_are_never_used_twice() -> None:
    class AllBut(list[str]):
        """Taken is every id but those that end in 0."""

        def __contains__(self, key_id: object) -> bool:
            return not str(key_id).endswith("0")

    record, _ = make_key("camera", lifetime=None, rate_limit=None, taken=AllBut())
    assert record.id.endswith("0")


def test_the_file_is_for_its_owner_only(keys_file: Path, key: str) -> None:
    assert key
    assert keys_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in keys_file.parent.iterdir()] == [keys_file.name]


def test_who_may_read_the_file_still_may_after_a_change(keys_file: Path, key: str) -> None:
    keys_file.chmod(0o640)
    if os.geteuid() == 0:  # only root can give files away
        os.chown(keys_file, 10001, 10001)
    before = keys_file.stat()
    new_key(keys_file, "door")
    after = keys_file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert key


def test_two_who_add_at_once_lose_nothing(keys_file: Path) -> None:
    names = [f"camera {number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: new_key(keys_file, name), names))
    assert sorted(key.name for key in read_keys(keys_file)) == sorted(names)


def test_a_key_is_removed_by_its_id_or_its_name(keys_file: Path) -> None:
    for name in ("camera", "door", "gate"):
        new_key(keys_file, name)
    first, *_ = read_keys(keys_file)
    assert remove_key(keys_file, first.id).name == "camera"
    remove_key(keys_file, "gate")
    assert [key.name for key in read_keys(keys_file)] == ["door"]
    with pytest.raises(InvalidSettings, match=r"no key 'gate'; its keys: [0-9a-f]{8} \(door\)"):
        remove_key(keys_file, "gate")


def test_a_name_is_given_once(keys_file: Path, key: str) -> None:
    before = keys_file.read_text()
    for taken in ("camera", key[3:11]):
        with pytest.raises(InvalidSettings, match="choose another name"):
            new_key(keys_file, taken)
    assert keys_file.read_text() == before


@pytest.mark.parametrize(
    ("name", "rate_limit", "words"),
    [
        ("", None, "invalid key name"),
        ("two\nlines", None, "invalid key name"),
        ("x" * 65, None, "1 to 64"),
        ("camera", "often", "invalid rate limit 'often'"),
        ("camera", "0/minute", "invalid rate limit"),
        ("camera", "5/fortnight", "such as 600/minute"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    name: str, rate_limit: str | None, words: str, keys_file: Path
) -> None:
    with pytest.raises(InvalidSettings, match=words):
        new_key(keys_file, name, rate_limit=rate_limit)
    assert not keys_file.exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: not a valid API key: Invalid JSON"),
        ('{"id": "0123abcd"}', "line 2: not a valid API key: name"),
        ('{"id": "x"}', "line 2: not a valid API key: id"),
    ],
)
def test_a_broken_line_is_named(line: str, words: str, keys_file: Path, key: str) -> None:
    assert key
    append(keys_file, line)
    for use in (read_keys, Keyring):
        with pytest.raises(InvalidSettings, match=words):
            use(keys_file)
    with pytest.raises(InvalidSettings, match=words):
        new_key(keys_file, "door")


def test_a_hash_of_another_kind_and_an_id_given_twice_are_named(keys_file: Path, key: str) -> None:
    assert key
    whole = keys_file.read_text()
    keys_file.write_text(whole * 2)
    with pytest.raises(InvalidSettings, match="two keys with the same id"):
        read_keys(keys_file)
    hash_ = json.loads(whole)["hash"]
    for other in (f"$md5${hash_}", hash_[1:], hash_.upper(), "$argon2id$é"):
        keys_file.write_text(whole.replace(hash_, other))
        with pytest.raises(InvalidSettings, match=r"line 1: .* key 'camera' has no SHA-256 digest"):
            read_keys(keys_file)


def test_a_key_hashed_with_argon2_is_named(keys_file: Path, key: str) -> None:
    assert key
    append(keys_file, ARGON2_LINE)
    words = r"line 2: .* key 'old camera' has no SHA-256 .* remove the line .* facedetect keys add"
    for use in (read_keys, Keyring):
        with pytest.raises(InvalidSettings, match=words):
            use(keys_file)


def test_a_file_that_is_not_there_says_what_to_run(keys_file: Path) -> None:
    words = f"facedetect keys add NAME --file {keys_file}"
    for use in (read_keys, Keyring):
        with pytest.raises(InvalidSettings, match=words):
            use(keys_file)
    with pytest.raises(InvalidSettings, match=words):
        remove_key(keys_file, "camera")
    with pytest.raises(InvalidSettings, match="cannot be read"):
        read_keys(keys_file.parent)
