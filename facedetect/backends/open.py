"""Backend URLs: `embedded:models/mtcnn?version=1`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from facedetect.backends.base import Backend
from facedetect.errors import InvalidSettings

# Option -> its least value.
_OPTIONS = {"version": 0, "intra_op_threads": 1, "inter_op_threads": 1}


def open_backend(url: str) -> Backend:
    """Open the backend that `url` names; nothing heavy happens before its first use.

    `embedded:` runs the package's own model in this process, `embedded:PATH` the SavedModel in
    the folder PATH. Options follow as in `?version=3&inter_op_threads=4`: `version` (the highest
    one by default), `intra_op_threads` (1), `inter_op_threads` (one a core).
    Raises InvalidSettings if the URL cannot be right.
    """
    parts = urlsplit(url)
    if parts.scheme != "embedded" or parts.netloc or parts.fragment:
        raise InvalidSettings(
            f"the backend {url!r} is of no known kind; use embedded: or embedded:PATH"
        )
    from facedetect.backends.embedded import EmbeddedBackend

    options = _options(url, parts.query)
    return EmbeddedBackend(Path(parts.path) if parts.path else None, **options)


def _options(url: str, query: str) -> dict[str, int]:
    given = parse_qs(query, keep_blank_values=True)
    for name, values in given.items():
        is_right = name in _OPTIONS and len(values) == 1 and values[0].isdecimal()
        if not is_right or int(values[0]) < _OPTIONS[name]:
            raise InvalidSettings(
                f"the backend {url!r} has the option {name}={','.join(values)}; it takes whole "
                f"numbers for {', '.join(_OPTIONS)}"
            )
    return {name: int(values[0]) for name, values in given.items()}
