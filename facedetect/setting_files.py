"""Settings in files: `.env` in the working directory, and a configuration file in TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from platformdirs import user_config_path

from facedetect.errors import InvalidSettings

DOTENV = Path(".env")


@dataclass(frozen=True)
class StoredSetting:
    """A setting's value, and where it is set."""

    value: Any
    origin: str


def default_config_file() -> Path:
    """Return the default path of the configuration file, which need not exist."""
    return user_config_path("facedetect") / "config.toml"


def read_setting_files(
    config: Path | None, prefix: str, known: Collection[str]
) -> dict[str, StoredSetting]:
    """Return the settings in `.env` and in the configuration file, by lower-case name.

    `.env` takes precedence and may contain other programs' variables. `config`, if given, must
    exist and contain only `known` settings. Raises InvalidSettings.
    """
    return _read_config(config, known) | _read_dotenv(prefix, known)


def _read_dotenv(prefix: str, known: Collection[str]) -> dict[str, StoredSetting]:
    values = dotenv_variables()
    names = {key.upper(): key for key in values}
    ours = {name: names.get(f"{prefix}{name}".upper()) for name in known}
    return {
        name: StoredSetting(values[key], f"{key} in {DOTENV}")
        for name, key in ours.items()
        if key is not None and values[key] is not None
    }


def dotenv_variables() -> dict[str, str | None]:
    """Return all variables in `.env`, if that exists; raises InvalidSettings."""
    try:
        return dotenv_values(DOTENV) if DOTENV.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{DOTENV} cannot be read: {error}") from error


def _read_config(config: Path | None, known: Collection[str]) -> dict[str, StoredSetting]:
    path = config or default_config_file()
    if config is None and not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"the configuration file {path} cannot be read: {error}") from error
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InvalidSettings(
            f"{path} sets {unknown[0]!r}, which is not a setting; write the names of "
            "docs/settings.md in lower case and without FACEDETECT_, as in port = 9000"
        )
    return {name: StoredSetting(value, f"{name} in {path}") for name, value in values.items()}
