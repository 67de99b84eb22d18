from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from benchmarks.process_memory import resident_mb
from facedetect.backends.fake import FakeBackend
from facedetect.errors import ImageTooLarge, InvalidImage
from facedetect.images import BGRImage, ImageLimits, SourceImage, decode_image
from tests.unit.archives import do_folder, rows_of
from tests.unit.counting import counted_opening
from tests.unit.metadata import a_source
from tests.unit.pictures import FORMATS, encode, rgb
from tests.unit.service import MakeClient

LIMITS = ImageLimits()


@pytest.mark.parametrize("kind", FORMATS)
def test_header_encoding_and_pixels_take_one_opening(noise: BGRImage, kind: str) -> None:
    data = a_source(noise, kind)
    with counted_opening() as counts, SourceImage.open(data, LIMITS) as source:
        assert source.header.width * source.header.height == noise.size / 3
        assert source.read_encoding()
        assert source.decode().size == noise.size
    assert counts == {kind: 1}


@pytest.mark.parametrize("kind", FORMATS)
def test_detecting_opens_an_upload_once(
    make_client: MakeClient, noise: BGRImage, kind: str
) -> None:
    data = a_source(noise, kind)
    with counted_opening() as counts:
        client = make_client(FakeBackend())
        assert client.post("/detect", files={"image": data}).status_code == 200
    assert counts == {kind: 1}


def test_annotating_a_folder_opens_each_file_once(
    tmp_path: Path, out: Path, noise: BGRImage
) -> None:
    (tmp_path / "in").mkdir()
    suffixes = {"HEIF": "heic", "JPEG": "jpg"}
    for kind in FORMATS:
        name = f"{kind}.{suffixes.get(kind, kind.lower())}"
        (tmp_path / "in" / name).write_bytes(a_source(noise, kind))
    with counted_opening() as counts:
        do_folder(tmp_path / "in", out, FakeBackend())
    assert [row["status"] for row in rows_of(out)] == len(FORMATS) * ["ok"]
    assert counts == dict.fromkeys(FORMATS, 1)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_closed_file_is_opened_again(noise: BGRImage, kind: str) -> None:
    data = a_source(noise, kind)
    with counted_opening() as counts, SourceImage.open(data, LIMITS) as source:
        before = source.read_encoding()
        source.close()
        decoded = source.decode()
        assert np.array_equal(source.decode(), decoded)
        assert source.read_encoding() == before
    assert np.array_equal(decoded, decode_image(data, LIMITS))
    assert counts == {kind: 4}


@pytest.mark.parametrize("kind", FORMATS)
def test_one_thread_opens_and_another_decodes(astronaut: BGRImage, kind: str) -> None:
    data = encode(rgb(astronaut), kind)
    expected = decode_image(data, LIMITS)
    with ThreadPoolExecutor(2) as opening, ThreadPoolExecutor(2) as decoding:
        sources = list(opening.map(lambda _: SourceImage.open(data, LIMITS), range(8)))
        for decoded in decoding.map(SourceImage.decode, sources):
            assert np.array_equal(decoded, expected)


def traced_bytes_of_closed(data: bytes) -> int:
    """What Python's objects of a closed image take, the upload's bytes not included."""
    tracemalloc.start()
    try:
        with SourceImage.open(data, LIMITS) as source:
            pass
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert source.decode().size
    return held


@pytest.mark.parametrize("kind", FORMATS)
def test_a_closed_file_holds_no_copy(kind: str) -> None:
    noise = np.random.default_rng(4).integers(0, 256, (300, 400, 3), np.uint8)
    data = a_source(noise, kind)
    assert traced_bytes_of_closed(data) < len(data) / 4


def test_a_closed_webp_holds_nothing_in_its_decoder_either() -> None:
    noise = np.random.default_rng(4).integers(0, 256, (600, 800, 3), np.uint8)
    data = encode(rgb(noise), "WEBP")
    resident, waiting = [], []
    for _ in range(41):
        with SourceImage.open(data, LIMITS) as source:
            waiting.append(source)
        resident.append(resident_mb())
    assert resident[-1] - resident[0] < 20 * len(data) / 2**20, "half of what 40 copies take"


def test_the_limits_hold(noise: BGRImage) -> None:
    data = encode(rgb(noise))
    for limits in (ImageLimits(max_pixels=2399), ImageLimits(max_bytes=len(data) - 1)):
        with pytest.raises(ImageTooLarge):
            SourceImage.open(data, limits)
    with SourceImage.open(data, ImageLimits(len(data), 2400)) as source:
        assert source.header.format == "PNG"


def test_only_decoding_tells_of_broken_pixels(noise: BGRImage) -> None:
    data = bytearray(encode(rgb(noise)))
    data[data.index(b"IDAT") + 40] ^= 255
    with SourceImage.open(bytes(data), LIMITS) as source:
        assert source.read_encoding()
        for _ in range(2):
            with pytest.raises(InvalidImage, match="cannot be decoded"):
                source.decode()
