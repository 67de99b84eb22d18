from __future__ import annotations

from pathlib import Path

import pytest

from facedetect.errors import InvalidSettings
from facedetect.settings import DetectorSettings, KeysSettings, ServiceSettings


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDETECT_PORT", "9001")
    monkeypatch.setenv("FACEDETECT_MAX_IMAGE_PIXELS", "1000")
    settings = ServiceSettings.load()
    assert settings.port == 9001
    assert settings.limits.max_pixels == 1000


def test_ones_own_files_may_be_larger_than_uploads() -> None:
    assert ServiceSettings.load().limits.max_bytes == 32 * 2**20
    assert DetectorSettings.load().limits.max_bytes == 2**30


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDETECT_PORT", "9001")
    assert ServiceSettings.load(port=9002).port == 9002
    assert ServiceSettings.load(port=None).port == 9001


def test_wrong_values_name_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDETECT_TIMEOUT_S", "soon")
    with pytest.raises(InvalidSettings, match="FACEDETECT_TIMEOUT_S='soon'"):
        ServiceSettings.load()


def test_wrong_options_name_the_option() -> None:
    with pytest.raises(InvalidSettings, match=r"^--port=99999: "):
        ServiceSettings.load(port=99999)


@pytest.mark.parametrize("value", ["inf", "nan", "0", "-1", "1e9"])
def test_a_timeout_is_finite(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FACEDETECT_TIMEOUT_S", value)
    with pytest.raises(InvalidSettings, match="FACEDETECT_TIMEOUT_S"):
        ServiceSettings.load()


def test_threads_reach_the_engine_if_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(DetectorSettings.load().backend_with_threads) == "embedded:"
    monkeypatch.setenv("FACEDETECT_THREADS", "3")
    for url, used in (
        ("embedded:", "embedded:?threads=3"),
        ("embedded:?threads=1", "embedded:?threads=1"),
        ("savedmodel:m", "savedmodel:m"),
        ("grpc://models:8500/m", "grpc://models:8500/m"),
    ):
        assert str(DetectorSettings.load(backend=url).backend_with_threads) == used


def test_every_setting_is_described() -> None:
    assert all(field.description for field in ServiceSettings.model_fields.values())


def test_settings_of_others_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDETECT_PORT", "abc")
    monkeypatch.setenv("FACEDETECT_KEYS_FILE", "keys.jsonl")
    assert str(DetectorSettings.load().backend) == "embedded:"
    assert KeysSettings.load().keys_file == Path("keys.jsonl")
    with pytest.raises(InvalidSettings, match="FACEDETECT_PORT='abc'"):
        ServiceSettings.load()
