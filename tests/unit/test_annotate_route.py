"""`POST /annotate` with the fake backend."""

from __future__ import annotations

import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from facedetect.backends.fake import FakeBackend
from facedetect.faces import Face
from facedetect.images import BGRImage, ImageLimits, decode_image, load_image
from facedetect.render import render
from facedetect.styles import AnnotationStyle
from tests.unit.metadata import display_p3
from tests.unit.pictures import encode
from tests.unit.service import JPEG, PHOTO, MakeClient, problem


def test_boxes_in_a_png_without_being_asked(
    client: TestClient, astronaut: BGRImage, a_face: Face
) -> None:
    response = client.post("/annotate", files={"image": PHOTO})
    assert response.headers["content-type"] == "image/png"
    assert response.headers["x-face-count"] == "1"
    answered = decode_image(response.content, ImageLimits())
    assert np.array_equal(answered, render(astronaut, [a_face], "box"))


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
def test_the_colour_profile_is_kept(client: TestClient, format_: str) -> None:
    with Image.open(io.BytesIO(PHOTO)) as image:
        photo = encode(image, "JPEG", icc_profile=display_p3())
    answer = client.post(f"/annotate?format={format_}", content=photo, headers=JPEG)
    assert Image.open(io.BytesIO(answer.content)).info["icc_profile"] == display_p3()
    answer = client.post("/detect", content=photo, headers=JPEG | {"Accept": "image/png"})
    assert Image.open(io.BytesIO(answer.content)).info["icc_profile"] == display_p3()


@pytest.mark.parametrize("style", ["box", "blur", "pixelate", "solid"])
@pytest.mark.parametrize(
    ("format_", "pillows_name"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")]
)
def test_every_style_in_every_format(
    client: TestClient,
    a_face: Face,
    style: AnnotationStyle,
    format_: str,
    pillows_name: str,
) -> None:
    query = f"style={style}&format={format_}"
    response = client.post(f"/annotate?{query}", content=PHOTO, headers=JPEG)
    assert response.headers["content-type"] == f"image/{format_}"
    assert Image.open(io.BytesIO(response.content)).format == pillows_name
    answered = decode_image(response.content, ImageLimits()).astype(int)
    expected = render(load_image(PHOTO), [a_face], style).astype(int)
    assert np.abs(answered - expected).mean() < 3


@pytest.mark.parametrize("query", ["style=none", "format=gif", "annotate=true", "min_size=1"])
def test_what_it_does_not_know_is_refused(client: TestClient, query: str) -> None:
    problem(client.post(f"/annotate?{query}", files={"image": PHOTO}), 422, "invalid-params")


def test_no_face_gives_the_image_back_unchanged(
    make_client: MakeClient, astronaut: BGRImage
) -> None:
    response = make_client(FakeBackend()).post("/annotate?style=solid", files={"image": PHOTO})
    assert response.headers["x-face-count"] == "0"
    assert np.array_equal(decode_image(response.content, ImageLimits()), astronaut)


def test_the_metadata_of_the_upload_does_not_come_back(client: TestClient) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40)).save(buffer, "JPEG", exif=exif)
    response = client.post("/annotate?format=jpeg", content=buffer.getvalue(), headers=JPEG)
    assert b"secret" not in response.content
