"""Settings in `.env` or in a configuration file."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pytest

from facedetect.errors import InvalidSettings
from facedetect.settings import (
    ClientSettings,
    DetectorSettings,
    ServiceSettings,
    warn_of_misspelt_settings,
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a configuration file that FACEDETECT_CONFIG names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEDETECT_CONFIG", str(tmp_path / "facedetect.toml"))
    (tmp_path / "facedetect.toml").write_text('port = 9000\nthreads = 3\ncors_origins = ["*"]\n')
    return tmp_path


def test_each_command_reads_its_own_settings_from_the_files(here: Path) -> None:
    (here / ".env").write_text(
        "DATABASE_URL=other\nFACEDETECT_THREADS=5\nfacedetect_server=http://faces:1\n"
        "FACEDETECT_EVAL_DIR=x\n"
    )
    service = ServiceSettings.load()
    assert (service.port, service.threads, service.cors_origins) == (9000, 5, ("*",))
    assert DetectorSettings.load().backend_with_threads.threads == 5
    assert ClientSettings.load().server == "http://faces:1"


def test_options_win_over_variables_over_dotenv_over_the_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ServiceSettings.load().port == 9000
    (here / ".env").write_text("FACEDETECT_PORT=9001")
    assert ServiceSettings.load().port == 9001
    monkeypatch.setenv("FACEDETECT_PORT", "9002")
    assert ServiceSettings.load().port == 9002
    assert ServiceSettings.load(port=9003).port == 9003


def test_errors_name_the_file(here: Path) -> None:
    (here / ".env").write_text("FACEDETECT_TIMEOUT_S=soon")
    with pytest.raises(InvalidSettings, match=r"^FACEDETECT_TIMEOUT_S in \.env='soon': "):
        DetectorSettings.load()
    (here / ".env").write_bytes(b"FACEDETECT_PORT=\xff")
    with pytest.raises(InvalidSettings, match=r"^\.env cannot be read"):
        DetectorSettings.load()
    (here / ".env").unlink()
    config = here / "facedetect.toml"
    config.write_text("threads = 0")
    with pytest.raises(InvalidSettings, match=r"^threads in .*facedetect\.toml=0: "):
        DetectorSettings.load()
    config.write_text("prot = 9000")
    with pytest.raises(InvalidSettings, match="sets 'prot', which is not a setting"):
        DetectorSettings.load()
    config.write_text("port 9000")
    with pytest.raises(InvalidSettings, match="cannot be read"):
        DetectorSettings.load()
    config.unlink()
    with pytest.raises(InvalidSettings, match="cannot be read"):
        DetectorSettings.load()


def test_misspelt_settings_are_told(
    here: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (here / ".env").write_text("FACEDETECT_PROT=9001\nTHREDS=4\nFACEDETECT_HOST=::1\n")
    monkeypatch.setenv("FACEDETECT_THREDS", "3")
    warn_of_misspelt_settings()
    assert caplog.messages == [
        "FACEDETECT_PROT is not a setting and has no effect; did you mean FACEDETECT_PORT?",
        "FACEDETECT_THREDS is not a setting and has no effect; did you mean FACEDETECT_THREADS?",
    ]


@pytest.mark.usefixtures("here")
def test_variables_of_other_purposes_are_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ours = "REQUIRE EVAL_DIR REFERENCE_DIR TEST_PROFILE IMAGE KEYS DOMAIN VERSION"
    kubernetes = "SERVICE_HOST SERVICE_PORT PORT_8000_TCP PORT_8000_TCP_PORT"
    for name in f"{ours} {kubernetes}".split():
        monkeypatch.setenv(f"FACEDETECT_{name}", "x")
    warn_of_misspelt_settings()
    assert not caplog.messages


def test_a_users_own_file_is_read_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("FACEDETECT_CONFIG", raising=False)
    with chdir(tmp_path):
        assert ServiceSettings.load().port == 8000
        (tmp_path / "facedetect").mkdir()
        (tmp_path / "facedetect" / "config.toml").write_text("port = 9000")
        assert ServiceSettings.load().port == 9000
