"""Fuzz the parsers of untrusted data outside of decoders, by coverage: scripts/fuzz parsers.

These are forms and request heads. Only our own errors may be raised. The fuzzer exits its process,
so run this module as one: python -m benchmarks.fuzz_parsers CORPUS [LIBFUZZER_OPTION...].
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["facedetect", "python_multipart"]):
    import uvicorn
    from uvicorn.server import ServerState

    from facedetect.errors import InvalidImage
    from facedetect.service.forms import read_form
    from facedetect.service.http_protocol import GuardedHttpProtocol
    from facedetect.service.unread_responses import UnreadResponses

_FORM = (
    b"multipart/form-data; boundary=x\n--x\r\n"
    b'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\nabc\r\n--x--\r\n'
)
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
_SEEDS = (
    b"\0\x10" + _FORM,
    b"\1\x20POST /detect?min_size=20 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    b"\1\x07POST /detect HTTP/1.1\r\nHost: a\r\n" + _CHUNKED,
)
_LOOP = asyncio.new_event_loop()


def fuzz_parsers(corpus: Path, count: int, seed: int) -> int:
    """Run `count` inputs; return the fuzzer's exit status, 0 if nothing was found."""
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(_SEEDS):
        (corpus / f"seed-{number}").write_bytes(data)
    options = [f"-runs={count}", f"-seed={seed}", f"-artifact_prefix={corpus.parent}/"]
    command = [sys.executable, "-m", "benchmarks.fuzz_parsers", str(corpus), *options]
    return subprocess.run(command, check=False).returncode


def run_one(data: bytes) -> None:
    """Feed the parser selected by the first byte, in chunks of the second byte's size."""
    if len(data) < 2:  # noqa: PLR2004 - those two
        return
    run = _run_form if data[0] % 2 == 0 else _run_connection
    _LOOP.run_until_complete(run(data[2:], data[1] or 256))


async def _run_form(data: bytes, size: int) -> None:
    content_type, _, body = data.partition(b"\n")
    chunks = _chunks(body, size)
    try:
        async for part in read_form(content_type.decode("latin-1"), chunks):
            assert isinstance(part.data, bytes)
    except InvalidImage:
        pass


async def _chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def _run_connection(data: bytes, size: int) -> None:
    factory = GuardedHttpProtocol.with_limits(20, 100, UnreadResponses(10**9))
    protocol = factory(_CONFIG, ServerState(), {})
    transport = _Transport()
    protocol.connection_made(transport)
    async for chunk in _chunks(data, size):
        if transport.is_closed:
            break
        protocol.data_received(chunk)
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    await asyncio.sleep(0)


async def _answer(_scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


_CONFIG = uvicorn.Config(_answer, log_config=None, ws="none")


class _Transport(asyncio.Transport):
    """Accepts everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False

    def get_extra_info(self, _: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: Any) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True


if __name__ == "__main__":
    logging.disable()
    _CONFIG.load()
    atheris.Setup(sys.argv, run_one)
    atheris.Fuzz()
