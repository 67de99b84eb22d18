"""Backend URLs: `embedded:models/mtcnn?version=1`, `grpc://models.example:8500/mtcnn`."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from facedetect.backends.base import Backend
from facedetect.errors import InvalidSettings

_GRPC_PORT = 8500
_REST_PORT = 8501

Options = dict[str, Any]


@dataclass(frozen=True)
class _Kind:
    """What an option's value looks like."""

    pattern: str
    words: str
    read: Callable[[str], Any]


_WHOLE = _Kind(r"\d{1,18}", "a whole number", int)
_POSITIVE = _Kind(r"0*[1-9]\d*", "a whole number from 1", int)
_NAME = _Kind(r".+", "a name", str)
_SERVER = _Kind(r"[^/]+:\d+", "HOST:PORT", str)
_FILE = _Kind(r".+", "a file", Path)


def open_backend(url: str) -> Backend:
    """Open the backend that `url` names; nothing heavy happens before its first use.

    `embedded:` runs the package's own model in this process, `embedded:PATH` the SavedModel in
    the folder PATH. Options follow as in `?version=3&inter_op_threads=4`: `version` (the highest
    one by default), `intra_op_threads` (1), `inter_op_threads` (one a core).

    `grpc://HOST:8500/MODEL` and `http://HOST:8501/MODEL` ask TensorFlow Serving, `grpcs://` and
    `https://` over TLS. Options: `version` or `label` (the latest version by default); for gRPC
    `dns=HOST:PORT`, a name server of its own; for TLS `ca_file`, in PEM form, and for grpcs
    `cert_file` and `key_file`.

    Raises InvalidSettings if the URL cannot be right.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or parts.fragment:
        raise InvalidSettings(
            f"the backend {url!r} is of no known kind; use embedded:, embedded:PATH, "
            "grpc://HOST:8500/MODEL, grpcs://HOST:8500/MODEL or http://HOST:8501/MODEL"
        )
    open_it, known = _SCHEMES[parts.scheme]
    return open_it(url, parts, _options(url, parts.query, known))


def _open_embedded(url: str, parts: SplitResult, options: Options) -> Backend:
    from facedetect.backends.embedded import EmbeddedBackend

    if parts.netloc:
        raise InvalidSettings(f"the backend {url!r} has a host; use embedded: or embedded:PATH")
    return EmbeddedBackend(Path(parts.path) if parts.path else None, **options)


def _open_grpc(url: str, parts: SplitResult, options: Options) -> Backend:
    from facedetect.backends.serving import ServingBackend, as_pixels
    from facedetect.tfserving.grpc_client import TLS, GrpcClient

    place, model = _place(url, parts, _GRPC_PORT), _model(url, parts, options)
    tls = None
    if parts.scheme == "grpcs":
        files = {key: options[key] for key in _TLS_OPTIONS if key in options}
        tls = TLS(**files)
    with _files_read(url):
        client = GrpcClient(f"dns://{options.get('dns', '')}/{place}", tls=tls)
    return ServingBackend(client, model, place=place, send_image=as_pixels)


def _open_rest(url: str, parts: SplitResult, options: Options) -> Backend:
    from facedetect.backends.serving import ServingBackend, as_png
    from facedetect.tfserving.rest_client import RestClient

    place, model = _place(url, parts, _REST_PORT), _model(url, parts, options)
    with _files_read(url):
        client = RestClient(f"{parts.scheme}://{place}", ca_file=options.get("ca_file"))
    return ServingBackend(client, model, place=place, send_image=as_png)


@contextmanager
def _files_read(url: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        raise InvalidSettings(f"the backend {url!r} names a ca_file that is none") from error
    except OSError as error:
        raise InvalidSettings(
            f"the backend {url!r} names {error.filename or 'a file'}, which cannot be read: "
            f"{error.strerror}"
        ) from error
    except ValueError as error:
        raise InvalidSettings(f"the backend {url!r} cannot be right: {error}") from error


def _place(url: str, parts: SplitResult, default_port: int) -> str:
    """The server as host:port."""
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


def _model(url: str, parts: SplitResult, options: Options) -> Any:
    from facedetect.tfserving.api import Model

    name = unquote(parts.path).strip("/")
    if not name or "/" in name:
        raise InvalidSettings(
            f"the backend {url!r} names no model; use {parts.scheme}://{parts.netloc}/mtcnn"
        )
    try:
        return Model(name, options.get("version"), options.get("label"))
    except ValueError as error:
        raise InvalidSettings(f"the backend {url!r} cannot be right: {error}") from error


def _options(url: str, query: str, known: dict[str, _Kind]) -> Options:
    options = {}
    for name, values in parse_qs(query, keep_blank_values=True).items():
        kind = known.get(name)
        if kind is None or len(values) != 1 or not re.fullmatch(kind.pattern, values[0]):
            takes = ", ".join(f"{key} ({kind.words})" for key, kind in known.items())
            raise InvalidSettings(
                f"the backend {url!r} has the option {name}={','.join(values)}; it takes {takes}"
            )
        options[name] = kind.read(values[0])
    return options


_VERSIONS = {"version": _WHOLE, "label": _NAME}
_TLS_OPTIONS = {"ca_file": _FILE, "cert_file": _FILE, "key_file": _FILE}

_Opener = Callable[[str, SplitResult, Options], Backend]
_SCHEMES: dict[str, tuple[_Opener, dict[str, _Kind]]] = {
    "embedded": (
        _open_embedded,
        {"version": _WHOLE, "intra_op_threads": _POSITIVE, "inter_op_threads": _POSITIVE},
    ),
    "grpc": (_open_grpc, {**_VERSIONS, "dns": _SERVER}),
    "grpcs": (_open_grpc, {**_VERSIONS, "dns": _SERVER, **_TLS_OPTIONS}),
    "http": (_open_rest, _VERSIONS),
    "https": (_open_rest, {**_VERSIONS, "ca_file": _FILE}),
}
