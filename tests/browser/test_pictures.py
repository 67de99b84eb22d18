"""From a picture to its faces."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from facedetect.detection_params import FACTOR_BOUNDS, MIN_SIZE_BOUND
from facedetect.images import ImageLimits, decode_image
from facedetect.presets import PRESETS
from tests.browser.conftest import Open
from tests.browser.visit import Visit
from tests.conftest import ASTRONAUT, GRACE_HOPPER

DEMONSTRATION = "No picture at hand?"

STYLES = {"Blurred": "blur", "Pixelated": "pixelate", "Covered": "solid"}

DROP = """base64 => {
    const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
    for (const type of ["dragover", "drop"]) {
        const options = { dataTransfer, bubbles: true, cancelable: true };
        document.body.dispatchEvent(new DragEvent(type, options));
    }
}"""
COPY = """async base64 => {
    const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
    const blob = new Blob([bytes], { type: "image/png" });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
}"""


def encoded(path: Path, format_: str) -> bytes:
    buffer = io.BytesIO()
    with Image.open(path) as image:
        if format_ == "HEIF":
            pillow_heif.from_pillow(image).save(buffer)
        else:
            image.save(buffer, format_)
    return buffer.getvalue()


def box_on_screen(visit: Visit) -> list[float]:
    """Where the first face is drawn, as shares of the picture shown: left, top, right, bottom."""
    image = visit.page.locator("#shown").bounding_box()
    face = visit.boxes.first.locator(".area").bounding_box()
    assert image
    assert face
    left, top = face["x"] - image["x"], face["y"] - image["y"]
    right, bottom = left + face["width"], top + face["height"]
    width, height = image["width"], image["height"]
    return [left / width, top / height, right / width, bottom / height]


def test_a_chosen_picture(visit: Visit) -> None:
    with visit.page.expect_request("**/detect?*") as sent:
        visit.pick(ASTRONAUT)
    assert "referer" not in sent.value.all_headers()
    expect(visit.count).to_have_text("1 face")
    expect(visit.page.locator("#picture-name")).to_have_text("astronaut.jpg")
    expect(visit.page.locator("#picture-size")).to_have_text("512 \N{MULTIPLICATION SIGN} 512")
    expect(visit.faces).to_have_text(["Face 188 \N{MULTIPLICATION SIGN} 115 px1.0000"])
    assert box_on_screen(visit) == pytest.approx([0.351, 0.114, 0.523, 0.339], abs=0.02)


def test_a_dropped_picture(visit: Visit) -> None:
    visit.page.evaluate(DROP, base64.b64encode(ASTRONAUT.read_bytes()).decode())
    expect(visit.count).to_have_text("1 face")
    expect(visit.page.locator("#picture-name")).to_have_text("dropped.jpg")


def test_a_pasted_picture(visit: Visit) -> None:
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.page.evaluate(COPY, base64.b64encode(encoded(ASTRONAUT, "PNG")).decode())
    visit.press("Control+v")
    expect(visit.count).to_have_text("1 face")


def test_the_demonstration_is_one_click_away(visit: Visit) -> None:
    visit.page.get_by_role("button", name=DEMONSTRATION).click()
    expect(visit.count).to_have_text("2 faces")
    expect(visit.boxes).to_have_count(2)
    expect(visit.page.locator("#version")).to_contain_text("model mtcnn 1")


def test_a_photograph_that_a_phone_has_turned(visit: Visit) -> None:
    turned = Image.open(ASTRONAUT).crop((0, 0, 512, 400)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    turned.save(buffer, "JPEG", exif=exif, quality=95)
    visit.pick({"name": "phone.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    expect(visit.count).to_have_text("1 face")
    expect(visit.page.locator("#picture-size")).to_have_text("512 \N{MULTIPLICATION SIGN} 400")
    assert box_on_screen(visit) == pytest.approx([0.351, 0.146, 0.523, 0.434], abs=0.02)


def test_a_file_that_browsers_cannot_display(visit: Visit) -> None:
    data = encoded(ASTRONAUT, "HEIF")
    visit.pick({"name": "photo.heic", "mimeType": "image/heic", "buffer": data})
    expect(visit.count).to_have_text("1 face")
    shown = visit.page.locator("#shown")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 512


def test_sliders_change_what_is_found(visit: Visit, tmp_path: Path) -> None:
    tiny = np.asarray(Image.open(ASTRONAUT))[::8, ::8]  # the whole photograph is too certain
    Image.fromarray(tiny).save(tmp_path / "tiny.png")
    visit.pick(tmp_path / "tiny.png")
    expect(visit.count).to_have_text("1 face")
    visit.slide("Output", 0.99)
    visit.slide("Refinement", 0.99)
    visit.slide("Proposal", 0.99)
    expect(visit.count).to_have_text("No faces")
    expect(visit.page.get_by_text("Try a smaller face size")).to_be_visible()
    expect(visit.boxes).to_have_count(0)
    visit.page.get_by_role("button", name="Reset").click()
    expect(visit.count).to_have_text("1 face")
    visit.slide("Smallest face", 400)
    expect(visit.page.get_by_text("400 px")).to_be_visible()
    expect(visit.count).to_have_text("No faces")


def test_presets_and_sliders_are_those_of_the_service(visit: Visit) -> None:
    visit.pick(ASTRONAUT)
    sliders = visit.page.locator("#params input[type=range]")
    names = ["min_size", "proposal", "refinement", "output", "factor", "min_confidence"]
    assert sliders.evaluate_all("all => all.map(one => one.name)") == names
    bounds = sliders.evaluate_all("all => all.map(one => [Number(one.min), Number(one.max)])")
    assert bounds[0][0] == MIN_SIZE_BOUND
    assert all(0 < low < high < 1 for low, high in bounds[1:4])
    assert bounds[4] == list(FACTOR_BOUNDS)
    visit.page.get_by_role("radio", name="JSON").check()
    for name in ("Few misses", "Few false alarms", "Balanced"):
        visit.page.get_by_role("radio", name=name).check()
        visit.wait_until("document.getElementById('stage').ariaBusy === 'false'")
        used = json.loads(visit.page.locator("#snippet").inner_text())["parameters"]
        values = sliders.evaluate_all("all => all.map(one => Number(one.value))")
        shown = [used["min_size"], *used["thresholds"], used["factor"], used["min_confidence"]]
        assert values == shown
        turned = visit.page.get_by_role("switch", name="Pictures may be turned").is_checked()
        assert turned == (used["rotations"] == "auto")
        preset = PRESETS[name.lower().replace(" ", "-")]  # type: ignore[index]
        assert (used["looks"], used["min_size"]) == (preset.looks, preset.min_size)


def test_a_picture_on_its_side(visit: Visit, tmp_path: Path) -> None:
    with Image.open(ASTRONAUT) as photo:
        photo.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "side.png")
    visit.pick(tmp_path / "side.png")
    expect(visit.count).to_have_text("No faces")
    with visit.page.expect_request("**/detect?preset=balanced&rotations=auto"):
        visit.page.get_by_role("switch", name="Pictures may be turned").check()
    expect(visit.count).to_have_text("1 face")


def test_a_newer_wish_ends_the_older_request(visit: Visit) -> None:
    ended: list[str] = []
    held: list[Route] = []
    visit.page.on("requestfailed", lambda request: ended.append(request.url))

    def hold(route: Route) -> None:
        held.append(route)

    visit.page.route("**/detect?preset=balanced", hold)
    visit.pick(ASTRONAUT)
    visit.wait_until("document.getElementById('stage').ariaBusy === 'true'")
    visit.page.wait_for_timeout(100)
    with visit.page.expect_response("**/detect?preset=balanced&min_size=32"):
        visit.page.locator("#min_size").evaluate(
            """slider => {
                for (const size of [30, 31, 32]) {
                    slider.value = size;
                    slider.dispatchEvent(new Event("input", { bubbles: true }));
                }
            }"""
        )
    expect(visit.count).to_have_text("1 face")
    assert len(held) == len(ended) == 1  # and nothing was asked for 30 and 31


def test_faces_are_hidden(visit: Visit) -> None:
    visit.pick(GRACE_HOPPER)
    for style in ("Covered", "Pixelated", "Blurred"):
        with visit.page.expect_response(f"**/annotate?style={STYLES[style]}&*"):
            visit.page.get_by_role("radio", name=style).check()
    visit.pick(ASTRONAUT)  # its faces must not be seen even for a moment
    shown = visit.page.locator("#shown")
    expect(shown).to_be_visible()
    pixels = """image => {
        const canvas = new OffscreenCanvas(512, 512);
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        return [...context.getImageData(190, 70, 60, 90).data];
    }"""
    face = shown.evaluate(pixels)
    with Image.open(ASTRONAUT) as photo:
        original = photo.convert("RGBA").crop((190, 70, 250, 160)).tobytes()
    differences = [abs(a - b) for a, b in zip(face, original, strict=True)]
    assert sum(differences) / len(differences) > 8


def test_downloads(visit: Visit) -> None:
    visit.pick(ASTRONAUT)
    expect(visit.count).to_have_text("1 face")
    check_download(visit, "PNG", "astronaut-faces.png", b"\x89PNG")
    visit.page.get_by_role("radio", name="Blurred").check()
    check_download(visit, "JPEG", "astronaut-blurred.jpg", b"\xff\xd8\xff")


def check_download(visit: Visit, button: str, name: str, start: bytes) -> None:
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name=button, exact=True).click()
    assert download.value.suggested_filename == name
    saved = Path(download.value.path()).read_bytes()
    assert saved.startswith(start)
    assert decode_image(saved, ImageLimits()).shape == (512, 512, 3)


def test_the_theme_is_kept(open_page: Open) -> None:
    visit = open_page(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = visit.page.evaluate(ground)
    visit.page.get_by_role("radio", name="Dark").check()
    dark = visit.page.evaluate(ground)
    visit.page.reload()
    assert visit.page.evaluate(ground) == dark != light
    expect(visit.page.get_by_role("radio", name="Dark")).to_be_checked()
