"""The service's settings, read from FACEDETECT_* variables at the edges only."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from facedetect.backends import BackendSpec
from facedetect.detector import DEFAULT_BACKEND, Detector
from facedetect.errors import InvalidSettings
from facedetect.faces import DEFAULT_MAX_PYRAMID_PIXELS
from facedetect.images import ImageLimits

_LIMITS = ImageLimits()
_PREFIX = "FACEDETECT_"
_FORM_BYTES = 2**20

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


def _split(words: Any) -> Any:
    """Take a text with commas for the list that it is."""
    if not isinstance(words, str):
        return words
    return tuple(word.strip().lower() for word in words.split(",") if word.strip())


def _parse_backend(url: Any) -> Any:
    return BackendSpec.parse(url) if isinstance(url, str) else url


def _check_origin(origin: str) -> str:
    if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
        raise ValueError(
            f"{origin!r} is no origin; write https://HOST or http://HOST:PORT, no path after it"
        )
    return origin


Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_check_origin)], ...], NoDecode, BeforeValidator(_split)
]


class Settings(BaseSettings):
    """Each field is the environment variable FACEDETECT_<NAME>."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    backend: Annotated[BackendSpec, NoDecode, BeforeValidator(_parse_backend)] = Field(
        BackendSpec.parse(DEFAULT_BACKEND),
        description="Where the model runs: `embedded:` is the built-in model in this process, "
        "`embedded:PATH` a SavedModel in a folder, `grpc://HOST:8500/MODEL`, `grpcs://`, "
        "`http://HOST:8501/MODEL` and `https://` TensorFlow Serving.",
    )
    max_image_bytes: int = Field(
        _LIMITS.max_bytes, ge=1, description="Largest image file taken, bytes."
    )
    max_image_pixels: int = Field(
        _LIMITS.max_pixels, ge=1, description="Largest image taken, width times height."
    )
    max_frames: int = Field(
        _LIMITS.max_frames,
        ge=1,
        description="Most frames or pages of a file; the first one is looked at.",
    )
    max_pyramid_pixels: int = Field(
        DEFAULT_MAX_PYRAMID_PIXELS,
        ge=1,
        description="Most work for one image: the pixels of all levels of its pyramid.",
    )
    timeout_s: Seconds = Field(
        30.0,
        description="Longest time an image may wait and be looked at, seconds.",
    )
    threads: int = Field(
        2,
        ge=1,
        description="Images that are decoded and looked at side by side; more than there are cores "
        "where other machines run the model.",
    )

    max_queued: int = Field(
        100,
        ge=0,
        description="Most images that wait for a free thread; more are told to come again.",
    )
    queue_timeout_s: Seconds = Field(
        10.0,
        description="Longest wait for a free thread, seconds; images that would wait longer are "
        "told at once to come again.",
    )
    max_upload_memory: int = Field(
        256 * 2**20,
        validate_default=True,
        description="Most bytes of uploads held at once: arriving, waiting and under work.",
    )
    upload_timeout_s: Seconds = Field(
        60.0,
        description="Longest time that a request's head, then its body, may take to arrive, and "
        "its answer to be taken, seconds.",
    )
    shutdown_timeout_s: Seconds = Field(
        30.0,
        description="Longest time that requests under way may take to end once the service is told "
        "to stop, seconds.",
    )
    max_batch_images: int = Field(
        32, ge=1, description="Most images in one request to `/detect/batch`."
    )

    keys_file: Path | None = Field(
        None,
        description="File of the API keys, one of which each call must have; `facedetect keys add` "
        "makes it.",
    )
    without_keys: bool = Field(
        False,
        description="Anybody may call who reaches the port: needed where a service without keys "
        "listens to others than this machine.",
    )
    open_metrics: bool = Field(False, description="`/metrics` needs no API key.")
    rate_limit: str | None = Field(
        None,
        description="Most requests with images of one API key, or from one address where there are "
        "no keys: `600/minute`, or several as in `10/second;600/minute`.",
    )
    cors_origins: Origins = Field(
        (),
        description="Sites whose pages may call from browsers, with commas between: "
        "`https://app.example`; `*` is all.",
    )
    allowed_hosts: Hosts = Field(
        (),
        description="Hosts that requests may be for, with commas between: `faces.example`; "
        "none named is any.",
    )

    log_format: LogFormat = Field(
        "auto",
        description="How the log looks: `json` for machines, `text` for people; `auto` is text on "
        "a terminal.",
    )
    log_level: Annotated[LogLevel, BeforeValidator(str.lower)] = Field(
        "info",
        description="Least grave words in the log: `debug` has requests to `/healthz`, `/readyz` "
        "and `/metrics`, too; then `info`, `warning`, `error`.",
    )
    traces_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/]",
        description="Collector of OpenTelemetry traces, such as `http://collector:4318/v1/traces`; "
        "needs the extra `otel`.",
    )

    @field_validator("max_upload_memory")
    @classmethod
    def _check_room_for_one(cls, value: int, others: ValidationInfo) -> int:
        least = others.data.get("max_image_bytes", 0) + _FORM_BYTES
        if value < least:
            raise ValueError(
                f"an image of FACEDETECT_MAX_IMAGE_BYTES in a form must have room; give it {least}"
            )
        return value

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the environment; `overrides` that are not None win. Raises InvalidSettings."""
        given = {name: value for name, value in overrides.items() if value is not None}
        try:
            return cls(**given)
        except ValidationError as error:
            problems = []
            for item in error.errors():
                name = str(item["loc"][0])
                origin = f"--{name}" if name in given else f"{_PREFIX}{name.upper()}"
                problems.append(f"{origin}={item['input']!r}: {item['msg']}")
            raise InvalidSettings("; ".join(problems)) from error

    def check_reach(self) -> None:
        """Raise InvalidSettings if strangers could call without a key and nobody has said so."""
        if self.keys_file is not None and self.without_keys:
            raise InvalidSettings(
                f"FACEDETECT_KEYS_FILE={self.keys_file} asks for keys, FACEDETECT_WITHOUT_KEYS "
                "(--without-keys) for none; unset one of them"
            )
        if self.keys_file is None and not self.without_keys and not _is_loopback(self.host):
            raise InvalidSettings(
                f"listening on {self.host!r} without API keys: anybody who reaches it could call; "
                "make a key with facedetect keys add NAME --file FILE and set "
                "FACEDETECT_KEYS_FILE=FILE, or listen on 127.0.0.1, or allow it with "
                "--without-keys (FACEDETECT_WITHOUT_KEYS=true)"
            )

    @property
    def limits(self) -> ImageLimits:
        return ImageLimits(self.max_image_bytes, self.max_image_pixels, self.max_frames)

    def open_detector(self) -> Detector:
        """The detector that these settings describe."""
        return Detector(
            self.backend,
            limits=self.limits,
            max_pyramid_pixels=self.max_pyramid_pixels,
            timeout_s=self.timeout_s,
        )


def _is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
