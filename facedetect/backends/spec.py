"""Backend URLs, parsed once: `embedded:models/mtcnn?version=1`, `grpc://models:8500/mtcnn`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, cast
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlencode, urlsplit

from facedetect.errors import InvalidParams, InvalidSettings
from facedetect.model_ref import ModelRef

Scheme = Literal["embedded", "grpc", "grpcs", "http", "https"]

_DEFAULT_PORTS = {"grpc": 8500, "grpcs": 8500, "http": 8501, "https": 8501}


@dataclass(frozen=True)
class _Option:
    """One option of a URL: what its value looks like, in words too, and how it is read."""

    pattern: str
    description: str
    read: Callable[[str], Any]


_OPTIONS = {
    "version": _Option(r"\d{1,18}", "a whole number", int),
    "label": _Option(r".+", "a name", str),
    "intra_op_threads": _Option(r"0*[1-9]\d*", "a whole number from 1", int),
    "inter_op_threads": _Option(r"0*[1-9]\d*", "a whole number from 1", int),
    "dns": _Option(r"[^/]+:\d+", "HOST:PORT", str),
    "ca_file": _Option(r".+", "a file", Path),
    "cert_file": _Option(r".+", "a file", Path),
    "key_file": _Option(r".+", "a file", Path),
}
_OPTIONS_OF: dict[str, tuple[str, ...]] = {
    "embedded": ("version", "intra_op_threads", "inter_op_threads"),
    "grpc": ("version", "label", "dns"),
    "grpcs": ("version", "label", "dns", "ca_file", "cert_file", "key_file"),
    "http": ("version", "label"),
    "https": ("version", "label", "ca_file"),
}


@dataclass(frozen=True)
class BackendSpec:
    """Where the model runs.

    `address` is a model server's HOST:PORT, `folder` holds the SavedModel of an `embedded:`
    backend, None for the package's own model. `model` is what the backend serves by default.
    The other fields are the URL's options; see `parse`.
    """

    scheme: Scheme
    address: str = ""
    folder: Path | None = None
    model: ModelRef = field(default_factory=ModelRef)
    intra_op_threads: int | None = None
    inter_op_threads: int | None = None
    dns: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse a backend's URL.

        `embedded:` runs the package's own model in this process, `embedded:PATH` the SavedModel in
        the folder PATH. Options follow as in `?version=3&inter_op_threads=4`: `version` (the
        highest one by default), `intra_op_threads` (1), `inter_op_threads` (one a core).

        `grpc://HOST:8500/MODEL` and `http://HOST:8501/MODEL` ask TensorFlow Serving, `grpcs://` and
        `https://` over TLS. Options: `version` or `label` (the latest version by default); for gRPC
        `dns=HOST:PORT`, the name server to ask; for TLS `ca_file`, in PEM form, and for grpcs
        `cert_file` and `key_file`.

        Raises InvalidSettings if the URL cannot be right.
        """
        parts = urlsplit(url)
        if parts.scheme not in _OPTIONS_OF or parts.fragment:
            raise InvalidSettings(
                f"the backend {url!r} is of no known kind; use embedded:, embedded:PATH, "
                "grpc://HOST:8500/MODEL, grpcs://HOST:8500/MODEL or http://HOST:8501/MODEL"
            )
        scheme = cast("Scheme", parts.scheme)
        options = _parse_options(url, parts)
        version, label = options.pop("version", None), options.pop("label", None)
        if scheme == "embedded":
            model = ModelRef("", version)
            return cls(scheme, folder=_parse_folder(url, parts), model=model, **options)
        address, name = _parse_address(url, parts), _parse_model_name(url, parts)
        try:
            return cls(scheme, address, model=ModelRef(name, version, label), **options)
        except InvalidParams as error:
            raise InvalidSettings(f"the backend {url!r} cannot be right: {error}") from error

    def __str__(self) -> str:
        """The URL: `parse` reads it back."""
        place = str(self.folder or "") if self.scheme == "embedded" else f"//{self.address}/"
        values = {"version": self.model.version, "label": self.model.label}
        values |= {f.name: getattr(self, f.name) for f in fields(self) if f.name in _OPTIONS}
        given = {name: value for name, value in values.items() if value is not None}
        query = urlencode(given, safe="/:")
        return (
            f"{self.scheme}:{place}{quote(self.model.name, safe='')}{'?' if query else ''}{query}"
        )

    @property
    def is_in_process(self) -> bool:
        """Whether the model runs in this process, on this machine's cores."""
        return self.scheme == "embedded"


def _parse_folder(url: str, parts: SplitResult) -> Path | None:
    if parts.netloc:
        raise InvalidSettings(f"the backend {url!r} has a host; use embedded: or embedded:PATH")
    return Path(parts.path) if parts.path else None


def _parse_address(url: str, parts: SplitResult) -> str:
    default_port = _DEFAULT_PORTS[parts.scheme]
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or parts.username is not None or port == 0:
        raise InvalidSettings(
            f"the backend {url!r} names no server; use {parts.scheme}://HOST:{default_port}/MODEL"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port or default_port}"


def _parse_model_name(url: str, parts: SplitResult) -> str:
    name = unquote(parts.path).strip("/")
    if not name or "/" in name:
        raise InvalidSettings(
            f"the backend {url!r} names no model; use {parts.scheme}://{parts.netloc}/mtcnn"
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
                f"the backend {url!r} has the option {name}={','.join(given)}; it takes {allowed}"
            )
        values[name] = option.read(given[0])
    return values
