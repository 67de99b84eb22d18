"""Pictures decoded in separate processes, and what happens to those processes."""

from __future__ import annotations

import io
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedetect.errors import FacedetectError, ImageTooLarge, InvalidImage, UnsupportedImage
from facedetect.faces import Face
from facedetect.images import ImageLimits
from facedetect.picture import LocalPicture
from facedetect.sandbox import decoder_pool
from facedetect.sandbox.budget import Budget
from facedetect.sandbox.decoder_pool import DecoderPool, SandboxedPicture
from tests.conftest import ASTRONAUT
from tests.unit.metadata import display_p3
from tests.unit.pictures import encode
from tests.unit.tiffs import Layout, write_tiff

PHOTO = ASTRONAUT.read_bytes()
LIMITS = ImageLimits(max_bytes=32 * 2**20, max_pixels=30_000_000)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    pool = DecoderPool(2, LIMITS)
    pool.warm_up()
    yield pool
    pool.close()


def opened(pool: DecoderPool, data: bytes, *, seconds: float = 300) -> SandboxedPicture:
    return pool.open(data, time.monotonic() + seconds)


def still_works(pool: DecoderPool) -> None:
    with opened(pool, PHOTO) as one, opened(pool, PHOTO) as other:
        for picture in (one, other):
            assert picture.decode().shape == (512, 512, 3)


def decoders(pool: DecoderPool) -> list[int]:
    """Return the process ids of running decoders: the fork server's children."""
    pid = fork_server(pool).pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def fork_server(pool: DecoderPool) -> subprocess.Popen[bytes]:
    process = pool._fork_server._process  # noqa: SLF001 - nobody else needs to know
    assert process is not None
    return process


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def encoded(image_format: str, mode: str = "RGB", **options: object) -> bytes:
    """A photograph of 300 x 200 pixels."""
    with Image.open(ASTRONAUT) as image:
        return encode(image.resize((300, 200)).convert(mode), image_format, **options)


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded("JPEG", exif=exif)


@pytest.mark.parametrize(
    "data",
    [
        *(encoded(name) for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")),
        *(encoded("PNG", mode) for mode in ("L", "RGBA", "P", "1")),
        *(turned(orientation) for orientation in range(2, 9)),
        encoded("JPEG")[:-2],
        encoded("JPEG", icc_profile=display_p3()),
        *(encoded(name) for name in ("JPEG2000", "JXL", "HEIF")),
        encoded("TIFF", "LA", compression="tiff_lzw"),
        write_tiff((np.full((200, 300, 3), 40_000), Layout(16, is_planar=True, tile=64))),
    ],
)
def test_pixels_and_results_are_those_of_this_process(
    pool: DecoderPool, data: bytes, a_face: Face
) -> None:
    with opened(pool, data) as there, LocalPicture(data, LIMITS) as here:
        assert there.header == here.header
        expected = here.decode(keep_encoding=True)
        assert np.array_equal(there.decode(keep_encoding=True), expected)
        assert there.crop(a_face, "plain", ".png") == here.crop(a_face, "plain", ".png")
        for picture in (there, here):
            picture.draw([a_face], "box")
        assert there.encode(".png") == here.encode(".png")
        assert there.encode(".jpg", "keep") == here.encode(".jpg", "keep")
        assert there.thumbnail() == here.thumbnail()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", InvalidImage),
        (b"GIF89a", InvalidImage),
        (b"no image", UnsupportedImage),
        (PHOTO[:20_000], InvalidImage),
        (encoded("BMP") + bytes(LIMITS.max_bytes), ImageTooLarge),
    ],
)
def test_errors_are_those_of_this_process(
    pool: DecoderPool, data: bytes, kind: type[FacedetectError]
) -> None:
    with pytest.raises(kind) as here:
        LocalPicture(data, LIMITS).decode()
    with pytest.raises(kind) as there:
        opened(pool, data).decode()
    assert str(there.value) == str(here.value)
    still_works(pool)


def test_a_suspended_picture_leaves_its_decoder_to_others(pool: DecoderPool) -> None:
    with opened(pool, PHOTO) as first, opened(pool, PHOTO) as second:
        first.suspend()
        with opened(pool, PHOTO) as third:
            third.decode()
        assert np.array_equal(first.decode(), second.decode())


def test_the_header_of_a_large_webp_file_needs_no_room_for_its_pixels(pool: DecoderPool) -> None:
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (1, 4000, 3), np.uint8)
    pixels = np.ascontiguousarray(np.broadcast_to(noise, (4000, 4000, 3)))
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, quality=0, method=0)
    with opened(pool, out.getvalue()) as picture:
        assert np.array_equal(picture.decode(), pixels[:, :, ::-1])


def png_of_one_column(height: int) -> bytes:
    """Small, and slow: Pillow handles each of its rows on its own."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 1, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(2 * height))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def test_processor_time_is_bounded(pool: DecoderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    data = png_of_one_column(20_000_000)
    monkeypatch.setattr(decoder_pool, "picture_budget", lambda *_: Budget(0.05, 2**30))
    with pytest.raises(ImageTooLarge, match=r"more than 0\.1 s of CPU time"):
        opened(pool, data).decode()
    monkeypatch.undo()
    still_works(pool)


def test_memory_is_bounded(pool: DecoderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    Image.new("RGB", (5000, 5000)).save(out, "PNG")
    monkeypatch.setattr(decoder_pool, "picture_budget", lambda *_: Budget(60, 50 * 2**20))
    with pytest.raises(ImageTooLarge, match="more than 50 MB of memory"):
        opened(pool, out.getvalue()).decode()
    monkeypatch.undo()
    still_works(pool)


def test_waiting_for_a_decoder_ends_at_the_deadline(pool: DecoderPool) -> None:
    with opened(pool, PHOTO), opened(pool, PHOTO), pytest.raises(ImageTooLarge, match="deadline"):
        opened(pool, PHOTO, seconds=0.1)
    still_works(pool)


def test_a_decoder_that_does_not_answer_is_replaced(pool: DecoderPool) -> None:
    with opened(pool, PHOTO, seconds=1) as picture:
        for pid in decoders(pool):
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(ImageTooLarge, match="deadline"):
            picture.decode()
    for pid in decoders(pool):
        os.kill(pid, signal.SIGCONT)
    still_works(pool)


def test_a_crash_costs_its_own_picture_only(pool: DecoderPool) -> None:
    with opened(pool, PHOTO) as one, opened(pool, PHOTO) as other:
        os.kill(decoders(pool)[0], signal.SIGSEGV)
        failures = 0
        for picture in (one, other):
            try:
                picture.decode()
            except InvalidImage as error:
                assert "crashes its decoder (signal 11)" in str(error)  # noqa: PT017 - one of the two
                failures += 1
        assert failures == 1
    still_works(pool)


def test_killing_decoders_at_random_costs_their_pictures_only(pool: DecoderPool) -> None:
    still_works(pool)  # so that both decoders run
    before = open_files()
    expected = LocalPicture(PHOTO, LIMITS).decode()
    done = threading.Event()

    def kill() -> None:
        generator = np.random.default_rng(0)
        for _ in range(20):
            if pids := decoders(pool):
                os.kill(int(generator.choice(pids)), signal.SIGKILL)
            done.wait(0.02)
        done.set()

    def use() -> int:
        count = 0
        while not done.is_set():
            try:
                with opened(pool, PHOTO) as picture:
                    assert np.array_equal(picture.decode(), expected)
                count += 1
            except (InvalidImage, ImageTooLarge):
                pass
        return count

    with ThreadPoolExecutor(4) as threads:
        users = [threads.submit(use) for _ in range(3)]
        threads.submit(kill).result()
        assert sum(user.result() for user in users) > 0
    still_works(pool)
    assert len(decoders(pool)) <= 2
    assert open_files() == before


def test_a_fork_server_that_dies_is_started_again(pool: DecoderPool) -> None:
    pids = decoders(pool)
    process = fork_server(pool)
    process.kill()
    process.wait()
    for pid in pids:  # they end with it
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.01)
    still_works(pool)


def test_the_fork_server_ends_quietly_if_its_caller_is_gone_before_the_answer() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.send(b'{"end": 1}')
    ours.close()
    with theirs:
        ended = subprocess.run(
            [sys.executable, "-m", "facedetect.sandbox.fork_server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_decoders_are_forked_from_a_process_of_one_thread(pool: DecoderPool) -> None:
    still_works(pool)
    (thread,) = Path(f"/proc/{fork_server(pool).pid}/task").iterdir()
    assert int(thread.name) == fork_server(pool).pid


def test_a_decoder_has_no_rights(pool: DecoderPool) -> None:
    still_works(pool)
    limits = Path(f"/proc/{decoders(pool)[0]}/limits").read_text()
    assert "Max open files            0                    0" in limits
    assert "Max core file size        0                    0" in limits
    status = Path(f"/proc/{decoders(pool)[0]}/status").read_text()
    assert "NoNewPrivs:\t1" in status


def test_closing_ends_all_processes() -> None:
    pool = DecoderPool(1, LIMITS)
    pool.warm_up()
    (pid,) = decoders(pool)
    pool.close()
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.01)
