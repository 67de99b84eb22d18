"""API keys with the real command; uploads leave no traces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from benchmarks.servers import gateway
from tests.conftest import ASTRONAUT
from tests.processes import call, run, served

PHOTO = ASTRONAUT.read_bytes()


def add(path: Path, name: str, *options: str) -> str:
    ended = call("keys", "add", name, "--file", path, *options)
    assert ended.returncode == 0, ended.stderr
    (key,) = ended.stdout.splitlines()
    assert key not in ended.stderr
    return key


def detect(client: httpx2.Client, key: str | None) -> httpx2.Response:
    headers = {} if key is None else {"X-API-Key": key}
    return client.post("/detect", files={"image": PHOTO}, headers=headers)


def comes_to(client: httpx2.Client, key: str, status: int) -> bool:
    """Return whether calls with a key get this status within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if client.get("/version", headers={"X-API-Key": key}).status_code == status:
            return True
        time.sleep(0.05)
    return False


def test_it_does_not_listen_to_others_without_keys() -> None:
    ended = run("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: listening on '0.0.0.0' without API keys")
    assert "facedetect keys add" in ended.stderr


def test_it_does_if_it_is_told_to() -> None:
    options = ("--host", "0.0.0.0", "--without-keys", "--backend", "grpc://127.0.0.1:9/mtcnn")  # noqa: S104
    with gateway(*options) as running:
        assert running.client.get("/healthz").status_code == 200


def test_it_does_not_start_without_the_file_of_its_keys(tmp_path: Path) -> None:
    ended = run("serve", env={"FACEDETECT_KEYS_FILE": str(tmp_path / "keys.jsonl")})
    assert ended.returncode == 2
    assert f"facedetect keys add NAME --file {tmp_path}" in ended.stderr


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "keys.jsonl"


def test_keys_are_made_used_and_taken_away_while_it_runs(keys_file: Path) -> None:
    first = add(keys_file, "camera")
    env = {"FACEDETECT_KEYS_FILE": str(keys_file), "FACEDETECT_HOST": "0.0.0.0"}  # noqa: S104
    with served(env=env) as running:
        assert len(detect(running.client, first).json()["faces"]) == 1
        for wrong in (None, first[:-1] + ("0" if first[-1] != "0" else "1")):
            refused = detect(running.client, wrong)
            assert refused.status_code == 401
            assert refused.json()["type"] == "urn:facedetect:problem:unauthorized"
            assert refused.headers["www-authenticate"] == "Bearer"
        second = add(keys_file, "door", "--rate-limit", "1/hour")
        assert comes_to(running.client, second, 200)
        assert [detect(running.client, second).status_code for _ in range(2)] == [200, 429]
        assert call("keys", "remove", "camera", "--file", keys_file).returncode == 0
        assert comes_to(running.client, first, 401)
        assert running.client.get("/version", headers={"X-API-Key": second}).status_code == 200
        log = running.log()
    assert "camera" in log
    assert first[12:] not in log
    assert second[12:] not in log


def test_the_commands_work_on_the_file_that_is_set(keys_file: Path) -> None:
    env = {"FACEDETECT_KEYS_FILE": str(keys_file), "COLUMNS": "200"}
    made = call("keys", "add", "camera", "--expires", "90d", "--rate-limit", "600/minute", env=env)
    assert made.returncode == 0
    listed = call("keys", "list", env=env)
    assert "camera" in listed.stdout
    assert "600/minute" in listed.stdout
    assert made.stdout.strip()[12:] not in listed.stdout
    assert call("keys", "remove", made.stdout[3:11], env=env).returncode == 0
    assert keys_file.read_text() == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "camera"], "use --file FILE or set FACEDETECT_KEYS_FILE"),
        (["add", "camera", "--file", "x", "--expires", "soon"], "such as 12h, 90d or 52w"),
        (["add", "camera", "--file", "x", "--rate-limit", "often"], "such as 600/minute"),
        (["remove", "camera", "--file", "x"], "facedetect keys add NAME --file x"),
    ],
)
def test_wrong_words_end_with_a_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    ended = call("keys", *arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert words in ended.stderr
    assert list(tmp_path.iterdir()) == []


def bytes_written(pid: int) -> int:
    """Trace write calls to named and unnamed files, but not to sockets."""
    counters = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(counters["wchar"])


def large_image() -> bytes:
    """A BMP of 5 MB whose pixels are one word over and over."""
    side, word = 1320, b"PRIVATE-PIXELS--"
    size = side * side * 3
    head = b"BM" + (54 + size).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    info = (40).to_bytes(4, "little") + 2 * side.to_bytes(4, "little") + b"\1\0\x18\0"
    return head + info + bytes(24) + (word * (size // len(word) + 1))[:size]


def in_chunks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 2**16):
        yield data[start : start + 2**16]


def test_nothing_of_an_upload_is_written_anywhere(tmp_path: Path) -> None:
    image = large_image()
    with served(env={"TMPDIR": str(tmp_path)}) as running:
        client = running.client
        before = bytes_written(running.process.pid)
        headers = {"Content-Type": "image/bmp"}
        for response in (
            client.post("/detect", content=image, headers=headers),
            client.post("/detect", content=in_chunks(image), headers=headers),
            client.post("/detect", files={"image": image}),
            client.post("/detect/batch", files=[("image", image), ("image", image)]),
            client.post("/annotate", files={"image": image}),
            client.post("/v1/vision/face", files={"image": image}),
        ):
            assert response.status_code == 200, response.text
        assert client.post("/detect", files={"image": image[:-1]}).status_code == 400
        written = bytes_written(running.process.pid) - before
        log = running.log()
    assert written < 50_000, "more than the lines of a log"
    assert list(tmp_path.iterdir()) == []
    assert "PRIVATE" not in log
