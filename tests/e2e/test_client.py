"""Both clients with the real command."""

from __future__ import annotations

import asyncio
from io import BytesIO

import pytest
from PIL import Image

from benchmarks.servers import Gateway
from facedetect import AsyncClient, Client, Detection, Detector
from facedetect.client import SendableImage
from facedetect.errors import UnsupportedImage
from facedetect.faces import Box, Point
from tests.conftest import ASTRONAUT, GRACE_HOPPER


@pytest.fixture
def url(builtin_service: Gateway) -> str:
    return builtin_service.url


def test_the_service_finds_what_the_detector_finds(url: str, builtin_detector: Detector) -> None:
    with Client(url) as client:
        here = builtin_detector.detect(ASTRONAUT)
        assert len(here) == 1
        (there,) = client.detect(ASTRONAUT).faces
        assert there.box == Box(**here[0].to_dict()["box"])
        assert there.landmarks.nose == Point(**here[0].to_dict()["landmarks"]["nose"])


def test_a_batch_of_photographs(url: str) -> None:
    async def detections() -> list[Detection | None]:
        async with AsyncClient(url) as client:
            images: list[SendableImage] = [ASTRONAUT, b"no image", GRACE_HOPPER]
            return [result.detection async for result in client.detect_batch(images)]

    first, second, third = asyncio.run(detections())
    assert first is not None
    assert third is not None
    assert second is None
    assert (len(first.faces), len(third.faces)) == (1, 1)


def test_hidden_faces_are_found_no_more(url: str) -> None:
    with Client(url) as client:
        hidden = client.annotate(ASTRONAUT, style="solid", format="png")
        assert client.detect(hidden).faces == []
        with Image.open(BytesIO(hidden)) as image:
            assert image.size == (512, 512)
        with pytest.raises(UnsupportedImage):
            client.annotate(b"no image")
