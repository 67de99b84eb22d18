"""Backend URLs, parsed once: `embedded:?threads=4`, `grpc://models:8500/mtcnn?version=3`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, cast
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlencode, urlsplit

from facedetect.errors import InvalidParams, InvalidSettings
from facedetect.model_ref import ModelRef
from facedetect.mtcnn.geometry import named_geometry

Scheme = Literal["embedded", "savedmodel", "grpc", "grpcs", "http", "https"]

_DEFAULT_PORTS = {"grpc": 8500, "grpcs": 8500, "http": 8501, "https": 8501}


@dataclass(frozen=True)
class _Option:
    """One option of a URL: the pattern and description of its value, and its parser."""

    pattern: str
    description: str
    read: Callable[[str], Any]


_OPTIONS = {
    "version": _Option(r"\d{1,18}", "a whole number", int),
    "label": _Option(r".+", "a name", str),
    "threads": _Option(r"0*[1-9]\d*", "a whole number from 1", int),
    "instruction_set": _Option(r"[\w-]+", "a name", str),
    "geometry": _Option(r"accurate|reference", "accurate or reference", str),
    "landmarks": _Option(r"single|averaged", "single or averaged", str),
    "weights": _Option(r".+\.safetensors", "a .safetensors file", Path),
    "intra_op_threads": _Option(r"0*[1-9]\d*", "a whole number from 1", int),
    "inter_op_threads": _Option(r"0*[1-9]\d*", "a whole number from 1", int),
    "dns": _Option(r"[^/]+:\d+", "HOST:PORT", str),
    "ca_file": _Option(r".+", "a file", Path),
    "cert_file": _Option(r".+", "a file", Path),
    "key_file": _Option(r".+", "a file", Path),
}
_OPTIONS_OF: dict[str, tuple[str, ...]] = {
    "embedded": ("threads", "instruction_set", "geometry", "landmarks", "weights"),
    "savedmodel": ("version", "intra_op_threads", "inter_op_threads"),
    "grpc": ("version", "label", "dns"),
    "grpcs": ("version", "label", "dns", "ca_file", "cert_file", "key_file"),
    "http": ("version", "label"),
    "https": ("version", "label", "ca_file"),
}


@dataclass(frozen=True)
class BackendSpec:
    """Where the model runs.

    `address` is a model server's HOST:PORT, `folder` contains the SavedModel of a `savedmodel:`
    backend. `model` is the backend's default. The other fields are the URL's options; see `parse`.
    """

    scheme: Scheme
    address: str = ""
    folder: Path | None = None
    model: ModelRef = field(default_factory=ModelRef)
    threads: int | None = None
    instruction_set: str | None = None
    geometry: str = "accurate"
    landmarks: str = "single"
    weights: Path | None = None
    intra_op_threads: int | None = None
    inter_op_threads: int | None = None
    dns: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse a backend's URL.

        `embedded:` runs the native engine in-process. Options follow as in
        `?threads=4&landmarks=averaged`: `threads` (default: one per core), `instruction_set`
        (default: the CPU's fastest), `geometry` (accurate or reference), `landmarks` (single or
        averaged), `weights` (a .safetensors file; default: built in).

        `savedmodel:PATH` runs the SavedModel in the folder PATH in-process, with TensorFlow.
        Options: `version` (default: the latest), `intra_op_threads` (default: 1),
        `inter_op_threads` (default: one per core).

        `grpc://HOST:8500/MODEL` and `http://HOST:8501/MODEL` call TensorFlow Serving, `grpcs://`
        and `https://` use TLS. Options: `version` or `label` (default: the latest version); for
        gRPC `dns=HOST:PORT`, the name server to use; for TLS `ca_file` (PEM), and for grpcs
        `cert_file` and `key_file`.

        Raises InvalidSettings for an invalid URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in _OPTIONS_OF or parts.fragment:
            raise InvalidSettings(
                f"the backend {url!r} has an unknown scheme; use embedded:, savedmodel:PATH, "
                "grpc://HOST:8500/MODEL, grpcs://HOST:8500/MODEL or http://HOST:8501/MODEL"
            )
        scheme = cast("Scheme", parts.scheme)
        address, folder, name = _parse_place(url, parts)
        options = _parse_options(url, parts)
        try:
            model = ModelRef(name, options.pop("version", None), options.pop("label", None))
            spec = cls(scheme, address, folder, model, **options)
            named_geometry(spec.geometry, averages_landmarks=spec.averages_landmarks)
        except (InvalidParams, InvalidSettings) as error:
            raise InvalidSettings(f"the backend {url!r} is invalid: {error}") from error
        return spec

    def __str__(self) -> str:
        """Return the URL; `parse` reads it back."""
        place = f"//{self.address}/" if self.address else str(self.folder or "")
        values = {"version": self.model.version, "label": self.model.label}
        values |= {f.name: getattr(self, f.name) for f in fields(self) if f.name in _OPTIONS}
        given = {
            name: value
            for name, value in values.items()
            if value is not None and value != getattr(BackendSpec, name, None)
        }
        query = urlencode(given, safe="/:")
        return (
            f"{self.scheme}:{place}{quote(self.model.name, safe='')}{'?' if query else ''}{query}"
        )

    @property
    def is_in_process(self) -> bool:
        """Whether the model runs in this process, on this machine's cores."""
        return self.scheme in {"embedded", "savedmodel"}

    @property
    def averages_landmarks(self) -> bool:
        return self.landmarks == "averaged"


def _parse_place(url: str, parts: SplitResult) -> tuple[str, Path | None, str]:
    """Return the server's address, the folder and the model's name, as the scheme has them."""
    if parts.scheme == "embedded":
        _refuse_path(url, parts)
        return "", None, ""
    if parts.scheme == "savedmodel":
        return "", _parse_folder(url, parts), ""
    return _parse_address(url, parts), None, _parse_model_name(url, parts)


def _refuse_path(url: str, parts: SplitResult) -> None:
    if parts.netloc or parts.path:
        raise InvalidSettings(
            f"the backend {url!r} names a model, but embedded: runs the built-in one; for a "
            f"SavedModel in a folder write savedmodel:{parts.netloc}{parts.path}"
        )


def _parse_folder(url: str, parts: SplitResult) -> Path:
    if parts.netloc or not parts.path:
        raise InvalidSettings(
            f"the backend {url!r} does not name a folder; write savedmodel:PATH, such as "
            "savedmodel:models/mtcnn, or embedded: for the built-in model"
        )
    return Path(parts.path)


def _parse_address(url: str, parts: SplitResult) -> str:
    default_port = _DEFAULT_PORTS[parts.scheme]
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or parts.username is not None or port == 0:
        raise InvalidSettings(
            f"the backend {url!r} does not name a server; use {parts.scheme}://HOST:{default_port}/MODEL"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port or default_port}"


def _parse_model_name(url: str, parts: SplitResult) -> str:
    name = unquote(parts.path).strip("/")
    if not name or "/" in name:
        raise InvalidSettings(
            f"the backend {url!r} does not name a model; use {parts.scheme}://{parts.netloc}/mtcnn"
        )
    return name


def _parse_options(url: str, parts: SplitResult) -> dict[str, Any]:
    known = {name: _OPTIONS[name] for name in _OPTIONS_OF[parts.scheme]}
    values = {}
    for name, given in parse_qs(parts.query, keep_blank_values=True).items():
        option = known.get(name)
        if option is None or len(given) != 1 or not re.fullmatch(option.pattern, given[0]):
            allowed = ", ".join(f"{key} ({known[key].description})" for key in known)
            raise InvalidSettings(
                f"the backend {url!r} has the option {name}={','.join(given)}; it accepts {allowed}"
            )
        values[name] = option.read(given[0])
    return values
