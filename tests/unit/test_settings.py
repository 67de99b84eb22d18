from __future__ import annotations

import pytest

from facedetect.errors import InvalidSettings
from facedetect.settings import Settings


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDETECT_PORT", "9001")
    monkeypatch.setenv("FACEDETECT_MAX_IMAGE_PIXELS", "1000")
    settings = Settings.load()
    assert settings.port == 9001
    assert settings.limits.max_pixels == 1000


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDETECT_PORT", "9001")
    assert Settings.load(port=9002).port == 9002
    assert Settings.load(port=None).port == 9001


def test_wrong_values_name_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDETECT_TIMEOUT_S", "soon")
    with pytest.raises(InvalidSettings, match="FACEDETECT_TIMEOUT_S='soon'"):
        Settings.load()


def test_wrong_options_name_the_option() -> None:
    with pytest.raises(InvalidSettings, match=r"^--port=99999: "):
        Settings.load(port=99999)


@pytest.mark.parametrize("value", ["inf", "nan", "0", "-1", "1e9"])
def test_a_timeout_is_finite(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FACEDETECT_TIMEOUT_S", value)
    with pytest.raises(InvalidSettings, match="FACEDETECT_TIMEOUT_S"):
        Settings.load()


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
