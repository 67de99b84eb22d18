"""Who is known by the API keys of a file, which may change."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from facedetect.errors import Overloaded, Unauthorized
from facedetect.service.keys.key_file import add_key, read_keys, remove_key
from facedetect.service.keys.keyring import Keyring
from facedetect.service.keys.records import KeyRecord
from tests.unit.keys import another_secret, new_key


def expire(path: Path) -> None:
    """Make the file's first key one that has just expired."""
    first, *others = path.read_text().splitlines()
    record = {**json.loads(first), "expires": datetime.now(UTC).isoformat()}
    path.write_text("\n".join([json.dumps(record), *others]))


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def settled(ring: Keyring) -> None:
    """Let a keyring look at its file at the next call."""
    ring._look_at = 0.0  # noqa: SLF001 - instead of a second's sleep in each test


def test_keys_are_known_and_others_are_not(keys_file: Path, key: str) -> None:
    async def check() -> None:
        ring = Keyring(keys_file)
        for _ in range(3):
            assert (await ring.identify(key)).name == "camera"
        for wrong in ("", "fd_", "Bearer x", another_secret(key), f"fd_00000000_{key[12:]}"):
            for _ in range(2):
                with pytest.raises(Unauthorized, match="is not known"):
                    await ring.identify(wrong)
        assert (await ring.identify(key)).name == "camera"

    asyncio.run(check())


def test_a_known_key_costs_microseconds_and_a_wrong_one_a_check_only_once(
    keys_file: Path, key: str
) -> None:
    async def check() -> None:
        ring = Keyring(keys_file)
        wrong = another_secret(key)
        await ring.identify(key)
        with pytest.raises(Unauthorized):
            await ring.identify(wrong)
        started = time.perf_counter()
        for _ in range(100):
            await ring.identify(key)
            with pytest.raises(Unauthorized):
                await ring.identify(wrong)
        # 200 checks would take seconds.
        assert time.perf_counter() - started < 0.5

    asyncio.run(check())


def test_many_with_a_new_key_at_once_wait_for_one_check(keys_file: Path, key: str) -> None:
    async def check() -> None:
        ring = Keyring(keys_file)
        records = await asyncio.gather(*(ring.identify(key) for _ in range(200)))
        assert {record.name for record in records} == {"camera"}

    started = time.perf_counter()
    asyncio.run(check())
    assert time.perf_counter() - started < 1.0


def test_a_flood_of_wrong_secrets_is_turned_away_and_stops_nobody_else(
    keys_file: Path, key: str
) -> None:
    other = new_key(keys_file, "door")

    async def check() -> None:
        ring = Keyring(keys_file)
        await ring.identify(key)
        flood = [
            asyncio.create_task(ring.identify(another_secret(key, number)))
            for number in range(2000)
        ]
        await asyncio.sleep(0)
        started = time.perf_counter()
        assert (await ring.identify(key)).name == "camera"
        assert (await ring.identify(other)).name == "door"
        assert time.perf_counter() - started < 1.0
        ends = await asyncio.gather(*flood, return_exceptions=True)
        kinds = [type(end) for end in ends]
        assert set(kinds) == {Unauthorized, Overloaded}
        assert kinds.count(Unauthorized) < 50

    asyncio.run(check())


def test_wrong_ones_take_bounded_memory(keys_file: Path, key: str) -> None:
    ring = Keyring(keys_file)
    record = read_keys(keys_file)[0]

    class Quick(KeyRecord):
        """A record whose check costs nothing."""

        def has_secret(self, secret: str) -> bool:
            return not secret

    quick = Quick(**record.model_dump())
    ring._keys[quick.id] = quick  # noqa: SLF001 - 2,000 real checks take a minute

    async def check() -> None:
        for number in range(2000):
            with pytest.raises(Unauthorized):
                await ring.identify(another_secret(key, number))

    asyncio.run(check())
    assert len(ring._wrong) == 1024  # noqa: SLF001


def test_changes_of_the_file_are_seen(keys_file: Path, key: str) -> None:
    async def check() -> None:
        ring = Keyring(keys_file)
        await ring.identify(key)
        other = new_key(keys_file, "door")
        with pytest.raises(Unauthorized):  # it is looked at once a second
            await ring.identify(other)
        settled(ring)
        assert (await ring.identify(other)).name == "door"
        assert (await ring.identify(key)).name == "camera"
        remove_key(keys_file, "camera")
        settled(ring)
        with pytest.raises(Unauthorized):
            await ring.identify(key)
        assert (await ring.identify(other)).name == "door"

    asyncio.run(check())


def test_a_file_that_breaks_leaves_the_keys_as_they_were(
    keys_file: Path, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        ring = Keyring(keys_file)
        for spoil in (partial(append, keys_file, "{"), keys_file.unlink):
            caplog.clear()
            spoil()
            for _ in range(3):
                settled(ring)
                assert (await ring.identify(key)).name == "camera"
            (record,) = caplog.records
            assert record.levelno == logging.ERROR
            assert str(keys_file) in record.getMessage()
        append(keys_file, "")
        settled(ring)
        with pytest.raises(Unauthorized):
            await ring.identify(key)

    asyncio.run(check())


def test_an_expired_key_is_told_to_those_who_have_it(keys_file: Path, key: str) -> None:
    async def check() -> None:
        ring = Keyring(keys_file)
        await ring.identify(key)
        expire(keys_file)
        settled(ring)
        with pytest.raises(Unauthorized, match="camera expired on 20"):
            await ring.identify(key)
        with pytest.raises(Unauthorized, match="not known"):
            await ring.identify(another_secret(key))

    asyncio.run(check())


def test_a_key_expires_by_itself(keys_file: Path) -> None:
    record, text = add_key(keys_file, "camera", lifetime=timedelta(hours=1), rate_limit=None)
    assert record.expires is not None
    assert record.expires - record.created == timedelta(hours=1)
    assert not record.is_expired()
    assert text
