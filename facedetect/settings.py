"""The service's settings, read from FACEDETECT_* variables at the edges only."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from facedetect.detector import DEFAULT_BACKEND, Detector
from facedetect.errors import InvalidSettings
from facedetect.faces import DEFAULT_MAX_PYRAMID_PIXELS
from facedetect.images import ImageLimits

_LIMITS = ImageLimits()
_PREFIX = "FACEDETECT_"


class Settings(BaseSettings):
    """Each field is the environment variable FACEDETECT_<NAME>."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    backend: str = Field(
        DEFAULT_BACKEND,
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
    timeout_s: float = Field(
        30.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="Longest time an image may wait and be looked at, seconds.",
    )
    threads: int = Field(
        2,
        ge=1,
        description="Images that are decoded and looked at side by side; more than there are cores "
        "where other machines run the model.",
    )

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
