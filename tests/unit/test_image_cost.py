"""The estimated cost of images."""

from __future__ import annotations

from facedetect import DetectionParams
from facedetect.images import ImageHeader, ImageLimits
from facedetect.service.image_cost import LIGHT_PIXELS, CostModel

PHONE = ImageHeader(4000, 3000, "JPEG")
FULL_HD = ImageHeader(1920, 1080, "JPEG")
WEBCAM = ImageHeader(1280, 720, "JPEG")


def make_model() -> CostModel:
    return CostModel(ImageLimits(), max_pyramid_pixels=50e6, slots=4)


def test_an_image_at_a_limit_takes_all_slots() -> None:
    cost_model = CostModel(ImageLimits(max_pixels=1_000_000), max_pyramid_pixels=1e6, slots=4)
    params = DetectionParams(min_size=24)
    small = cost_model.estimate(ImageHeader(100, 100, "JPEG"), params)
    many_pixels = cost_model.estimate(
        ImageHeader(1000, 1000, "JPEG"), DetectionParams(min_size=500)
    )
    much_work = cost_model.estimate(ImageHeader(700, 700, "JPEG"), DetectionParams(min_size=12))
    assert small.slots == 1
    assert many_pixels.slots == 4
    assert much_work.slots == 4
    assert small.work < many_pixels.work < much_work.work


def test_low_thresholds_cost_what_they_take() -> None:
    def work(*thresholds: float) -> float:
        first, second, third = thresholds
        params = DetectionParams(thresholds=(first, second, third))
        return make_model().estimate(FULL_HD, params).work

    default = work(0.6, 0.7, 0.7)
    assert work(0.9, 0.9, 0.9) == default
    assert 2 < work(0.1, 0.7, 0.7) / default < 4
    assert 1.3 < work(0.6, 0.1, 0.7) / default < 2.2
    assert 4 < work(0.1, 0.1, 0.1) / default < 7
    assert work(0.6, 0.7, 0.1) == default  # the third one only selects


def test_encoding_is_part_of_the_cost() -> None:
    works = [
        make_model().estimate(FULL_HD, DetectionParams(), suffix).work
        for suffix in (None, ".jpeg", ".png", ".webp")
    ]
    assert works == sorted(works)
    assert works[3] > 2 * works[0]


def test_a_light_image_is_one_that_many_send() -> None:
    def is_light(
        header: ImageHeader, params: DetectionParams, encoded_as: str | None = None
    ) -> bool:
        return make_model().estimate(header, params, encoded_as).is_light

    defaults = DetectionParams()
    assert is_light(ImageHeader(LIGHT_PIXELS // 1000, 1000, "JPEG"), defaults)
    assert is_light(WEBCAM, defaults, ".png")
    assert not is_light(PHONE, defaults)
    assert not is_light(PHONE, DetectionParams(min_size=1000))  # its pixels need the memory
    assert not is_light(WEBCAM, DetectionParams(min_size=8))
    assert not is_light(WEBCAM, defaults, ".webp")


def test_every_view_is_paid_for() -> None:
    def work(params: DetectionParams) -> float:
        return make_model().estimate(FULL_HD, params).work

    one = work(DetectionParams())
    assert 3 < work(DetectionParams(rotations=(0, 90, 180, 270))) / one < 4
    assert work(DetectionParams(rotations="auto")) == work(
        DetectionParams(rotations=(0, 90, 180, 270))
    )
    assert 1.4 < work(DetectionParams(looks=2)) / one < 1.71
    assert 5 < work(DetectionParams(looks=6)) / one < 6.9
    assert not make_model().estimate(WEBCAM, DetectionParams(looks=6)).is_light
