"""Bodies that are too large, too slow, incomplete or mislabelled."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.requests import Request
from starlette.types import Message

from benchmarks.process_memory import resident_mb
from facedetect.backends.fake import FakeBackend
from facedetect.errors import UploadTimeout
from facedetect.images import encode_image
from facedetect.service.uploads import Upload, Uploads
from facedetect.settings import ServiceSettings
from tests.live import Live, live
from tests.unit.service import JPEG, PHOTO, problem
from tests.unit.timing import wait_until
from tests.unit.wire import answer_on, head, is_well
from tests.virtual_time import VirtualTimeLoop

LIMIT = 200_000


@pytest.fixture
def service() -> Iterator[Live]:
    with live(FakeBackend(), max_image_bytes=LIMIT, stall_timeout_s=1) as running:
        yield running


def test_too_many_bytes_are_refused_as_they_arrive(service: Live) -> None:
    with service.connect() as connection:
        connection.sendall(head("Transfer-Encoding: chunked"))
        for _ in range(5):
            connection.sendall(b"c350\r\n" + bytes(0xC350) + b"\r\n")
        status, told = answer_on(connection)
    assert status == 413
    assert "more than the 200000 bytes allowed" in told["detail"]
    assert is_well(service)


def test_too_many_bytes_are_refused_as_announced(service: Live) -> None:
    with service.connect() as connection:
        connection.sendall(head("Content-Length: 3000000000"))
        assert answer_on(connection)[0] == 413


@pytest.mark.parametrize(
    "type_", ["", "binary/octet-stream", "application/octet-stream", "Image/JPEG; x=y", "image/x"]
)
def test_bytes_are_looked_at_whatever_they_are_called(service: Live, type_: str) -> None:
    fields = {"Content-Type": type_} if type_ else {}
    answer = service.client.post("/detect", content=PHOTO, headers=fields)
    assert (answer.status_code, answer.json()["image"]["width"]) == (200, 512)
    answer = service.client.post("/detect", content=b"text", headers=fields)
    told = problem(answer, 415, "unsupported-image")
    assert "not an image in a supported format" in told


@pytest.mark.parametrize("path", ["/detect", "/annotate", "/detect/batch", "/v1/vision/face"])
@pytest.mark.parametrize("coding", ["gzip", "identity, GZIP", "br"])
def test_a_compressed_body_is_refused_as_such(service: Live, path: str, coding: str) -> None:
    fields = {"Content-Encoding": coding}
    files = {"image": ("a.jpg", gzip.compress(PHOTO))}
    answer = service.client.post(path, files=files, headers=fields)
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "identity")
    assert f"the Content-Encoding is {coding!r}; send the image as it is" in answer.text
    fields = {"Content-Encoding": "identity"}
    files = {"image": ("a.jpg", PHOTO)}
    assert service.client.post(path, files=files, headers=fields).status_code == 200


@pytest.mark.parametrize(
    "preamble",
    [
        b"",
        b"\r\n",
        b"This is a message in MIME format.\r\n",
        b"--other\r\n\r\n",
        b"\r\n--bounda\r\n" * 200,
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 1000, 10**6])
def test_text_around_a_form_is_ignored(service: Live, preamble: bytes, piece_bytes: int) -> None:
    """RFC 2046, section 5.1.1."""
    data = encode_image(np.zeros((12, 12, 3), np.uint8), ".png")
    part = b'Content-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + data
    body = preamble + b"--boundary\r\n" + part + b"\r\n--boundary--\r\nan epilogue"
    pieces = (body[at : at + piece_bytes] for at in range(0, len(body), piece_bytes))
    fields = {"Content-Type": "multipart/form-data; boundary=boundary"}
    answer = service.client.post("/detect", content=pieces, headers=fields)
    assert (answer.status_code, answer.json().get("image")) == (200, {"width": 12, "height": 12})


def test_a_body_longer_than_announced_is_refused(service: Live) -> None:
    with service.connect() as connection:
        connection.sendall(head(f"Content-Length: {len(PHOTO) - 5000}") + PHOTO)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")
    assert is_well(service)


@pytest.mark.parametrize("sent", [b"", PHOTO[:1000]])
def test_an_incomplete_body_times_out(service: Live, sent: bytes) -> None:
    with service.connect() as connection:
        connection.sendall(head(f"Content-Length: {len(PHOTO)}") + sent)
        status, told = answer_on(connection)
    assert status == 408
    assert f"received {len(sent)} bytes of the body, and in the last 1 s fewer" in told["detail"]
    assert is_well(service)


DRIP = [1] * 100
BURST_THEN_DRIP = [50_000, *DRIP]
ENOUGH_THEN_DRIP = [200] * 20 + DRIP


@pytest.mark.parametrize(
    ("chunks", "after_s", "received"),
    [
        ([1] * 100, 1, 9),
        ([], 1, 0),
        (BURST_THEN_DRIP, 1.1, 50_009),
        ([200] * 20 + [1] * 20, 3, 4009),
    ],
)
def test_a_body_that_arrives_too_slowly_times_out(
    chunks: list[int], after_s: float, received: int
) -> None:
    async def test() -> float:
        uploads, upload = uploading(chunks)
        with upload as body:
            with pytest.raises(UploadTimeout, match=f"received {received} bytes .* than 1000 a"):
                await body.read_image()
            assert uploads.held_bytes == received
        assert uploads.held_bytes == 0
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(test()) == pytest.approx(after_s)


def test_a_body_on_a_bad_line_arrives() -> None:
    """It stalls now and then, and takes a hundred times the stall timeout."""

    async def test() -> None:
        chunks = [0] * 4 + [1000] * 2
        _, upload = uploading([*chunks * 200, -1])
        with upload as body:
            assert len((await body.read_image()).data) == 400_000
        assert asyncio.get_running_loop().time() > 100

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(test())


def uploading(chunks: list[int]) -> tuple[Uploads, AbstractContextManager[Upload]]:
    """Open a body of chunks of these sizes, 0.1 s apart; 0: none arrives, -1: the end.

    1,000 bytes a second must arrive, measured over one second.
    """
    sizes = iter(chunks)

    async def receive() -> Message:
        size = 0
        while size == 0:
            await asyncio.sleep(0.1)
            size = next(sizes, 0)
        return {"type": "http.request", "body": bytes(max(size, 0)), "more_body": size > 0}

    uploads = Uploads(ServiceSettings.load(stall_timeout_s=1, min_transfer_rate=1000))
    scope = {"type": "http", "headers": [(b"content-type", b"image/jpeg")]}
    return uploads, uploads.open(Request(scope, receive))


def test_no_caller_holds_more_than_what_is_free() -> None:
    large, memory = 2_000_000, 6_100_000
    with (
        live(FakeBackend(), max_image_bytes=large, max_upload_memory=memory) as service,
        ExitStack() as stack,
    ):
        half_sent = stack.enter_context(service.connect())
        half_sent.sendall(head(f"Content-Length: {large}") + bytes(large - 1))
        wait_until_held(service, large - 1)
        response = service.client.post("/detect", content=bytes(large), headers=JPEG)
        assert "still free of 6100000" in problem(response, 429, "overloaded")
        assert response.headers["retry-after"] == "1"
        with service.connect("127.0.0.2") as other:
            other.sendall(head(f"Content-Length: {large}") + bytes(large))
            assert answer_on(other)[0] == 415  # it was received
        half_sent.close()
        wait_until_held(service, 0)
        metrics = service.client.get("/metrics").text
        assert 'facedetect_rejections_total{reason="upload_memory"} 1.0' in metrics
        assert service.client.post("/detect", content=bytes(large), headers=JPEG).status_code == 415


def wait_until_held(service: Live, count: int) -> None:
    """Wait until the service holds that many bytes of uploads."""
    wait_until(lambda: held_bytes(service) == count)


def held_bytes(service: Live) -> float:
    (line,) = re.findall(
        r"^facedetect_upload_bytes_held (.*)$", service.client.get("/metrics").text, re.MULTILINE
    )
    return float(line)


def test_clients_without_a_key_share_what_one_caller_may_hold(keys_file: Path, key: str) -> None:
    large, memory = 1_000_000, 4_200_000
    settings: dict[str, Any] = {
        "max_image_bytes": large,
        "max_upload_memory": memory,
        "keys_file": keys_file,
        "open_metrics": True,
        "stall_timeout_s": 600,
    }
    form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    call = (
        b"POST /v1/vision/face HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % large
    )
    with live(FakeBackend(), **settings) as service, ExitStack() as stack:
        for number in range(6):
            other = stack.enter_context(service.connect(f"127.0.0.{2 + number}"))
            other.sendall(call + form + bytes(340_000))
        wait_until_held(service, 6 * (340_000 + len(form)))
        headers = {**JPEG, "X-API-Key": key}
        assert service.client.post("/detect", content=PHOTO, headers=headers).status_code == 200
        body = form + PHOTO + b"\r\n--x--\r\n"
        type_ = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = service.client.post("/v1/vision/face", content=body, headers=type_)
        assert answer.status_code == 429  # the unauthenticated clients' share is full
        answer = service.client.post("/v1/vision/face", content=body, headers={**headers, **type_})
        assert answer.status_code == 200
        name = b'--x\r\nContent-Disposition: form-data; name="api_key"\r\n\r\n'
        first = name + key.encode() + b"\r\n"
        answer = service.client.post("/v1/vision/face", content=first + body, headers=type_)
        assert answer.status_code == 429  # read before the key in it


@cache
def broken_png() -> bytes:
    """A file of 6.8 MB, broken in its pixels: found after the header."""
    noise = np.random.default_rng(1).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
    data = bytearray(encode_image(noise, ".png"))
    data[len(data) // 2] ^= 1
    return bytes(data)


@pytest.mark.parametrize("path", ["/detect", "/detect/batch", "/v1/vision/face"])
def test_images_that_fail_leave_nothing_in_memory(path: str) -> None:
    """An error that is kept keeps its frames, and they the image."""
    broken = broken_png()
    with live(FakeBackend()) as service:
        for _ in range(5):
            service.client.post(path, files={"image": broken})
        before = resident_mb()
        for _ in range(20):
            service.client.post(path, files={"image": broken})
        assert resident_mb() - before < 80, "20 files of 6.8 MB, if they were kept, are 135 MB"
