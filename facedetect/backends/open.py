"""Backend URLs: `embedded:models/mtcnn?version=1`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from facedetect.backends.base import Backend
from facedetect.errors import InvalidSettings


def open_backend(url: str) -> Backend:
    """Open the backend that `url` names; nothing heavy happens before its first use.

    `embedded:` runs the package's own model in this process, `embedded:PATH` the SavedModel in
    the folder PATH, its highest version unless `?version=N` says which.
    Raises InvalidSettings if the URL cannot be right.
    """
    parts = urlsplit(url)
    if parts.scheme != "embedded" or parts.netloc or parts.fragment:
        raise InvalidSettings(
            f"the backend {url!r} is of no known kind; use embedded: or embedded:PATH"
        )
    from facedetect.backends.embedded import EmbeddedBackend

    query = parse_qs(parts.query, keep_blank_values=True)
    versions = query.pop("version", [])
    if query or len(versions) > 1 or not all(version.isdecimal() for version in versions):
        raise InvalidSettings(
            f"the backend {url!r} has the options {parts.query!r}; only ?version=N is known"
        )
    path = Path(parts.path) if parts.path else None
    return EmbeddedBackend(path, version=int(versions[0]) if versions else None)
