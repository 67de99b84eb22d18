"""Clients that read responses slowly or not at all: who is disconnected, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from facedetect.service.body_pieces import BodyPieces
from facedetect.service.http_protocol import GuardedHttpProtocol
from facedetect.service.unread_responses import UnreadResponses
from tests.virtual_time import VirtualTimeLoop


class Reader:
    """A connection with something to read."""

    def __init__(self, caller_id: str, unread_bytes: int) -> None:
        self.caller_id = caller_id
        self.unread_bytes = unread_bytes
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


def test_the_caller_with_the_most_is_disconnected() -> None:
    answers = UnreadResponses(1000)
    small = Reader("small", 300)
    large = [Reader("large", 200) for _ in range(4)]
    for reader in (large[0], small, *large[1:]):
        answers.add(reader)
    assert [reader.is_aborted for reader in large] == [True, False, False, False]
    assert not small.is_aborted
    assert answers.held_bytes == 900
    answers.remove(large[0])  # its connection is lost
    answers.remove(small)
    assert answers.held_bytes == 600


def test_a_single_answer_may_be_of_any_size() -> None:
    answers = UnreadResponses(1000)
    huge = Reader("a", 5000)
    answers.add(huge)
    assert not huge.is_aborted
    answers.add(Reader("b", 10))
    assert huge.is_aborted
    assert answers.held_bytes == 10


class Transport:
    """A transport whose reading end the test controls."""

    def __init__(self) -> None:
        self.unread = 0
        self.is_aborted = False

    def get_extra_info(self, _: str) -> None:
        return None

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.is_aborted = True


async def app(_scope: Any, _receive: Any, _send: Any) -> None:
    """Answers nothing."""


def reading(unread: int, to_come: int = 0) -> tuple[GuardedHttpProtocol, Transport]:
    """A connection with an answer to read: at 100 bytes a second, measured over 20 s."""
    factory = GuardedHttpProtocol.with_limits(20, 100, UnreadResponses(10**9))
    protocol = factory(uvicorn.Config(app, log_config=None), ServerState(), {})
    transport = Transport()
    protocol.connection_made(transport)  # type: ignore[arg-type]
    protocol._head_watchdog.watch(pending=False)  # noqa: SLF001 - the head is there
    answered = SimpleNamespace(
        scope={},
        response_complete=True,
        message_event=asyncio.Event(),
        expected_content_length=to_come,
    )
    protocol.cycle = answered  # type: ignore[assignment]
    transport.unread = unread
    protocol.pause_writing()
    return protocol, transport


def run(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(test)


@pytest.mark.parametrize(("per_second", "is_aborted"), [(0, True), (80, True), (120, False)])
def test_a_reader_must_be_as_fast_as_the_minimum_rate(per_second: int, is_aborted: bool) -> None:
    async def test() -> None:
        protocol, transport = reading(100_000)
        assert protocol.unread_responses.held_bytes == 100_000
        for _ in range(100):
            await asyncio.sleep(1)
            transport.unread -= per_second
        assert transport.is_aborted is is_aborted

    run(test())


def test_a_reader_that_was_fast_may_not_stand_still_for_longer() -> None:
    async def test() -> None:
        _, transport = reading(10**9)
        await asyncio.sleep(19)
        transport.unread = 50_000
        await asyncio.sleep(20)
        assert not transport.is_aborted
        await asyncio.sleep(2)
        assert transport.is_aborted

    run(test())


def test_the_last_bytes_must_be_read_as_well() -> None:
    async def test() -> None:
        protocol, transport = reading(100_000)
        transport.unread = 10_000
        protocol.resume_writing()
        assert protocol.unread_responses.held_bytes == 0
        await asyncio.sleep(21)
        assert transport.is_aborted

    run(test())


def test_an_answer_that_is_read_leaves_nothing_behind() -> None:
    async def test() -> None:
        protocol, transport = reading(100_000)
        transport.unread = 0
        protocol.resume_writing()
        await asyncio.sleep(100)
        assert not transport.is_aborted
        protocol, _ = reading(100_000)
        answers = protocol.unread_responses
        protocol.connection_lost(OSError())
        assert answers.held_bytes == 0

    run(test())


def test_what_is_still_to_be_written_counts() -> None:
    async def test() -> None:
        protocol, _ = reading(1000, to_come=99_000)
        assert protocol.unread_responses.held_bytes == 100_000

    run(test())


def test_large_bodies_are_sent_in_pieces() -> None:
    body = bytes(range(256)) * 4000
    sent: list[Message] = []

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def send(message: Message) -> None:
        sent.append(message)

    async def test() -> None:
        await BodyPieces(answer)({"type": "http"}, None, send)  # type: ignore[arg-type]

    run(test())
    start, *pieces = sent
    assert start["type"] == "http.response.start"
    assert b"".join(piece["body"] for piece in pieces) == body
    assert max(len(piece["body"]) for piece in pieces) == 256 * 1024
    assert [piece.get("more_body", False) for piece in pieces] == [True, True, True, False]
