"""Settings from FACEDETECT_* variables and files: one class for each group of commands."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from facedetect.backends import BackendSpec
from facedetect.detection_params import DEFAULT_MAX_PYRAMID_PIXELS, OWN_FILES_MAX_PYRAMID_PIXELS
from facedetect.detector import DEFAULT_BACKEND, Detector
from facedetect.errors import InvalidSettings
from facedetect.images import ImageLimits
from facedetect.sandbox import is_supported
from facedetect.setting_files import StoredSetting, dotenv_variables, read_setting_files
from facedetect.setting_types import BackendUrl, Hosts, Networks, Origins, Seconds

logger = logging.getLogger(__name__)

_LIMITS = ImageLimits()
_PREFIX = "FACEDETECT_"
_CONFIG = f"{_PREFIX}CONFIG"
_FORM_BYTES = 2**20
_ALMOST = 0.75  # PROT is like PORT; variables of other purposes, such as KEYS, are below 0.7

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


class _EnvironmentSettings(BaseSettings):
    """Each field is the environment variable FACEDETECT_<NAME>, or set in a file."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read environment and files, then apply `overrides` that are not None.

        Raises InvalidSettings.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        variables = {name.upper() for name in os.environ}
        stored = {
            name: setting
            for name, setting in _read_files().items()
            if name in cls.model_fields and f"{_PREFIX}{name.upper()}" not in variables
        }
        try:
            return cls(**{name: setting.value for name, setting in stored.items()} | given)
        except ValidationError as error:
            problems = []
            for item in error.errors():
                name = str(item["loc"][0])
                variable = f"{_PREFIX}{name.upper()}"
                origin = stored[name].origin if name in stored else variable
                origin = f"--{name}" if name in given else origin
                problems.append(f"{origin}={item['input']!r}: {item['msg']}")
            raise InvalidSettings("; ".join(problems)) from error


def _read_files() -> dict[str, StoredSetting]:
    """Return the settings of all classes that are set in files."""
    config = os.environ.get(_CONFIG)
    return read_setting_files(Path(config) if config else None, _PREFIX, _known_names())


def _known_names() -> set[str]:
    classes = (ServiceSettings, ClientSettings)
    return {name for settings in classes for name in settings.model_fields}


def warn_of_misspelt_settings() -> None:
    """Log a warning for each variable, also in `.env`, whose name is almost that of a setting."""
    known = {name.upper() for name in _known_names()} | {_CONFIG.removeprefix(_PREFIX)}
    variables = {name.upper() for name in [*os.environ, *dotenv_variables()]}
    names = {name.removeprefix(_PREFIX) for name in variables if name.startswith(_PREFIX)}
    for name in sorted(names - known):
        for likely in get_close_matches(name, known, 1, _ALMOST):
            logger.warning(
                "%s%s is not a setting and has no effect; did you mean %s%s?",
                *(_PREFIX, name, _PREFIX, likely),
            )


_MAX_IMAGE_BYTES_DESCRIPTION = (
    "Maximum size of an image file, bytes; 1073741824 for commands, which read local files."
)
_MAX_PYRAMID_PIXELS_DESCRIPTION = (
    "Maximum work for one image: the pixels of all levels of its pyramid, in all of its views; "
    f"{OWN_FILES_MAX_PYRAMID_PIXELS} for commands, which read local files."
)


class DetectorSettings(_EnvironmentSettings):
    """The model and the image limits, for every command that detects faces."""

    backend: BackendUrl = Field(
        BackendSpec.parse(DEFAULT_BACKEND),
        description="Where the model runs: `embedded:` is facedetect's own engine in this "
        "process; `savedmodel:PATH` is a SavedModel in this process, with TensorFlow; "
        "`grpc://HOST:8500/MODEL`, `grpcs://`, `http://HOST:8501/MODEL` and `https://` are "
        "TensorFlow Serving.",
    )
    max_image_bytes: int = Field(_LIMITS.max_bytes, ge=1, description=_MAX_IMAGE_BYTES_DESCRIPTION)
    max_image_pixels: int = Field(
        _LIMITS.max_pixels, ge=1, description="Maximum image size, width times height."
    )
    max_frames: int = Field(
        _LIMITS.max_frames,
        ge=1,
        description="Maximum number of frames or pages in a file; only the first is used.",
    )
    max_pyramid_pixels: int = Field(
        OWN_FILES_MAX_PYRAMID_PIXELS, ge=1, description=_MAX_PYRAMID_PIXELS_DESCRIPTION
    )
    timeout_s: Seconds = Field(
        30.0,
        description="Maximum time for one image, including the wait for a thread, seconds.",
    )
    threads: int = Field(
        2,
        ge=1,
        description="Maximum number of images processed at the same time, plus one light image of "
        "a caller with no other in progress. Set it above the number of cores if the model runs "
        "on other machines. If set, it is also the number of threads of the in-process engine, "
        "which is otherwise one per core.",
    )

    isolate: bool = Field(
        True,
        description="Decode files in separate processes whose time and memory the kernel limits "
        "(`serve`, `annotate-folder`); needs Linux.",
    )

    @property
    def limits(self) -> ImageLimits:
        return ImageLimits(self.max_image_bytes, self.max_image_pixels, self.max_frames)

    @property
    def backend_with_threads(self) -> BackendSpec:
        """Return the backend, with FACEDETECT_THREADS threads unless its URL sets them."""
        spec = self.backend
        if spec.scheme != "embedded" or "threads" not in self.model_fields_set:
            return spec
        return replace(spec, threads=spec.threads or self.threads)

    def open_detector(self, decoders: int = 0) -> Detector:
        """Open the detector that these settings describe.

        It decodes files in `decoders` processes, or in this process if that is 0 or unsupported.
        """
        isolate = self.isolate and decoders > 0
        if isolate and not is_supported():
            logger.warning(
                "decoding files in this process, without limits on a decoder's time and memory: "
                "FACEDETECT_ISOLATE needs Linux"
            )
            isolate = False
        return Detector(
            self.backend_with_threads,
            limits=self.limits,
            max_pyramid_pixels=self.max_pyramid_pixels,
            timeout_s=self.timeout_s,
            isolate=isolate,
            decoders=decoders,
        )


class ClientSettings(_EnvironmentSettings):
    """The service that `facedetect detect` and `annotate` call instead of their own model."""

    server: str | None = Field(
        None,
        description="Service to use, such as `http://faces.example:8000`; `--server` overrides it.",
    )
    api_key: str | None = Field(None, description="API key to send to that service.")


class KeysSettings(_EnvironmentSettings):
    """The location of the API keys, for `facedetect keys`."""

    keys_file: Path | None = Field(
        None,
        description="File with the API keys, of which every request must have one; `facedetect "
        "keys add` creates it.",
    )


class ServiceSettings(DetectorSettings, KeysSettings):
    """All settings of the HTTP service."""

    max_image_bytes: int = Field(32 * 2**20, ge=1, description=_MAX_IMAGE_BYTES_DESCRIPTION)
    max_pyramid_pixels: int = Field(
        DEFAULT_MAX_PYRAMID_PIXELS, ge=1, description=_MAX_PYRAMID_PIXELS_DESCRIPTION
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")

    max_queued: int = Field(
        100,
        ge=0,
        description="Maximum number of images waiting for a free thread; beyond it, the last one "
        "of the caller with the most gets 429.",
    )
    queue_timeout_s: Seconds = Field(
        10.0,
        description="Maximum wait for a free thread, seconds; requests that would wait longer get "
        "429 at once.",
    )
    max_upload_memory: int = Field(
        256 * 2**20,
        validate_default=True,
        description="Maximum memory for uploads, bytes: those arriving, queued and in progress. "
        "No caller may hold more than is still free.",
    )
    max_answer_memory: int = Field(
        256 * 2**20,
        ge=0,
        description="Maximum memory for responses that clients have not read yet, bytes; beyond "
        "it, the caller with the most is disconnected.",
    )
    stall_timeout_s: Seconds = Field(
        20.0,
        description="Maximum time for the head of a request to arrive, seconds, and the time over "
        "which `FACEDETECT_MIN_TRANSFER_RATE` is measured: a body or a response may stall for "
        "that long.",
    )
    min_transfer_rate: int = Field(
        4096,
        ge=0,
        description="Minimum rate of uploads and of clients that read responses, bytes per "
        "second; slower clients are disconnected.",
    )
    shutdown_timeout_s: Seconds = Field(
        30.0,
        description="Maximum time for requests in progress to finish on shutdown, seconds.",
    )
    max_batch_images: int = Field(
        32, ge=1, description="Maximum number of images in one request to `/detect/batch`."
    )

    without_keys: bool = Field(
        False,
        description="Accept requests without an API key; required to listen on a public address "
        "without keys.",
    )
    open_metrics: bool = Field(False, description="Serve `/metrics` without an API key.")
    rate_limit: str | None = Field(
        None,
        description="Maximum rate of requests with images for each API key, or for each address "
        "if there are no keys: `600/minute`, or several limits as in `10/second;600/minute`.",
    )
    trusted_proxies: Networks = Field(
        (),
        description="Addresses or networks of proxies in front of the service, separated by "
        "commas: `10.0.0.0/8`; `X-Forwarded-For` and `X-Forwarded-Proto` are used only in "
        "requests from them.",
    )
    cors_origins: Origins = Field(
        (),
        description="Origins whose pages may call the service from browsers, separated by commas: "
        "`https://app.example`; `*` allows all.",
    )
    root_path: str | None = Field(
        None,
        pattern=r"^((/[\w.~-]+)+)?$",
        description="Path below which a proxy offers the service: `/faces`. The proxy may remove "
        "it or not.",
    )
    allowed_hosts: Hosts = Field(
        (),
        description="Host names that requests may be addressed to, separated by commas: "
        "`faces.example`; by default any.",
    )

    log_format: LogFormat = Field(
        "auto",
        description="Log format: `json`, `text`, or `auto` for text on a terminal and JSON "
        "elsewhere.",
    )
    log_level: Annotated[LogLevel, BeforeValidator(str.lower)] = Field(
        "info",
        description="Minimum log level: `debug` (which includes requests to `/healthz`, `/readyz` "
        "and `/metrics`), `info`, `warning` or `error`.",
    )
    traces_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/]",
        description="OpenTelemetry collector to send traces to, such as "
        "`http://collector:4318/v1/traces`; needs the extra `otel`.",
    )

    @field_validator("max_upload_memory")
    @classmethod
    def _check_room_for_one(cls, value: int, others: ValidationInfo) -> int:
        least = 2 * (others.data.get("max_image_bytes", 0) + _FORM_BYTES)
        if value < least:
            raise ValueError(
                "it must hold two forms with an image of FACEDETECT_MAX_IMAGE_BYTES, since no "
                f"caller gets more than half of it; set it to at least {least}"
            )
        return value

    def require_keys_on_public_host(self) -> None:
        """Raise InvalidSettings for a public host without keys, unless explicitly allowed."""
        if self.keys_file is not None and self.without_keys:
            raise InvalidSettings(
                f"FACEDETECT_KEYS_FILE={self.keys_file} requires keys, FACEDETECT_WITHOUT_KEYS "
                "(--without-keys) allows requests without them; unset one of them"
            )
        if self.keys_file is None and not self.without_keys and not _is_loopback(self.host):
            raise InvalidSettings(
                f"listening on {self.host!r} without API keys would accept requests from anybody "
                "on the network; create a key with facedetect keys add NAME --file FILE and set "
                "FACEDETECT_KEYS_FILE=FILE, listen on 127.0.0.1, or allow it with --without-keys "
                "(FACEDETECT_WITHOUT_KEYS=true)"
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
