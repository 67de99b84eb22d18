"""References to a model, in requests and answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from facedetect.errors import InvalidParams

MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class ModelRef:
    """A model's name, and one of its versions by number or label.

    In a request, no name means the backend's default model, and neither version nor label means the
    latest version. In an answer, `version` is the one that ran, None if unknown.

    Raises InvalidParams if both a version and a label are given, or the version is out of range.
    """

    name: str = ""
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.version is not None and self.label is not None:
            raise InvalidParams(
                f"both the model's version {self.version} and its label {self.label} are given; "
                "give only one"
            )
        if self.version is not None and not 0 <= self.version <= MAX_VERSION:
            raise InvalidParams(
                f"the model's version is {self.version}; it must be from 0 to {MAX_VERSION}"
            )

    def or_default(self, default: Self) -> Self:
        """Fill in missing parts from `default`: its name, or all of it."""
        if self.version is None and self.label is None and self.name in {"", default.name}:
            return default
        return replace(self, name=self.name or default.name)

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name} version {self.version}"
        if self.label is not None:
            return f"{self.name} with the label {self.label}"
        return self.name
