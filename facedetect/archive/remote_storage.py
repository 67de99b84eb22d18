"""Remote folders: `s3://bucket/photos`, and anything else that fsspec supports."""

from __future__ import annotations

import errno
import mimetypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from facedetect.archive.storage import DRAFTS, LocalStorage, Storage, StorageEntry
from facedetect.errors import InvalidSettings

_PROTOCOL = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
# Surrogates stand for bytes that are not UTF-8; s3fs interprets ?versionId= as a version.
_INVALID = re.compile(r"\?versionId=|[\0\ud800-\udfff]")
_SAME = {"s3a": "s3", "gcs": "gs", "az": "abfs", "abfss": "abfs"}

# Object stores write atomically, and their folders are only name prefixes.
_OBJECT_STORES = frozenset({"s3", "gs", "abfs"})

# Attributes that change with a file's bytes, best first.
_VERSIONS = ("ETag", "etag", "generation", "mtime", "LastModified", "last_modified", "created")

# Cached listings would hide changes; every request needs a timeout.
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "use_listings_cache": False,
        "config_kwargs": {
            "connect_timeout": 10,
            "read_timeout": 60,
            "retries": {"mode": "standard", "max_attempts": 3},
            "max_pool_connections": 64,
        },
    },
    "gs": {"use_listings_cache": False},
    "abfs": {"use_listings_cache": False},
}
_TYPE_OPTIONS = {"s3": "ContentType", "gs": "content_type"}

# Error classes by name, including those that do not derive from OSError.
_ERRNOS = {
    "FileNotFoundError": errno.ENOENT,
    "PermissionError": errno.EACCES,
    "TimeoutError": errno.ETIMEDOUT,
    "ConnectionError": errno.ECONNREFUSED,
    "NoCredentialsError": errno.EACCES,
    "PartialCredentialsError": errno.EACCES,
    "DefaultCredentialsError": errno.EACCES,
    "ConnectTimeoutError": errno.ETIMEDOUT,
    "ReadTimeoutError": errno.ETIMEDOUT,
    "HTTPClientError": errno.ECONNREFUSED,
    "EndpointConnectionError": errno.ECONNREFUSED,
}


def open_storage(text: str, *, excluded: Path | None = None, follow_links: bool = False) -> Storage:
    """Open the folder at a URL (`s3://bucket/photos`) or a local path.

    The options are those of LocalStorage. Sends no request yet. Raises InvalidSettings if no
    installed library supports the URL.
    """
    protocol, is_address, rest = text.partition("://")
    if not is_address or not _PROTOCOL.fullmatch(protocol):
        return LocalStorage(Path(text), excluded, follow_links)
    protocol = _SAME.get(protocol.lower(), protocol.lower())
    if protocol == "file":
        if not rest.startswith("/"):
            raise InvalidSettings(f"{text} names a host; write file:///FOLDER, or the path")
        return LocalStorage(Path(unquote(rest)), excluded, follow_links)
    storage = RemoteStorage(f"{protocol}://{rest.rstrip('/')}")
    storage.check_supported()
    return storage


@dataclass(frozen=True, repr=False)
class RemoteStorage:
    """A remote folder; fsspec keeps the connections of each process."""

    url: str

    def __str__(self) -> str:
        """Return the URL without its password."""
        return re.sub(r"(?<=//)([^/@:]*):[^/@]*@", r"\1:***@", self.url)

    __repr__ = __str__

    def check_supported(self) -> None:
        """Raise InvalidSettings if no installed library supports the URL."""
        try:
            from fsspec import get_filesystem_class

            get_filesystem_class(self._protocol)
        except ImportError as error:
            raise InvalidSettings(
                f"no installed library supports {self}: {error}; install facedetect with its extra "
                "s3 for s3://, or fsspec's library for this kind of URL"
            ) from error
        except ValueError as error:
            raise InvalidSettings(
                f"the URL {self} has an unknown scheme; use s3://BUCKET/FOLDER, "
                "gs://BUCKET/FOLDER or a local folder"
            ) from error

    def entries(self, folder: str) -> list[StorageEntry]:
        with self._reached(folder) as (files, path):
            listing = files.ls(path, detail=True)
            if [(found["name"], found["type"]) for found in listing] == [(path, "file")]:
                raise NotADirectoryError(errno.ENOTDIR, "is a file, not a folder")
        known = (_entry(found, path) for found in listing)
        return [entry for entry in known if entry is not None]

    def read(self, name: str) -> bytes:
        with self._reached(name) as (files, path):
            data: bytes = files.cat_file(path)
            return data

    def write(self, name: str, data: bytes) -> None:
        with self._draft(name) as (files, path):
            files.pipe_file(path, data, **self._content_type(name))

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError), self._reached(name) as (files, path):
            files.rm_file(path)

    def remove_partial_files(self) -> None:
        with suppress(FileNotFoundError), self._reached(DRAFTS) as (files, path):
            files.rm(path, recursive=True)

    @contextmanager
    def as_local_file(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix="facedetect-") as folder:
            copy = Path(folder, "copy").with_suffix(Path(name).suffix)
            with self._reached(name) as (files, path):
                files.get_file(path, str(copy))
            yield copy

    @contextmanager
    def local_draft(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix="facedetect-") as folder:
            draft = Path(folder, "draft").with_suffix(Path(name).suffix)
            yield draft
            with self._draft(name) as (files, path):
                files.put_file(str(draft), path, **self._content_type(name))

    @property
    def _protocol(self) -> str:
        return self.url.partition("://")[0]

    @contextmanager
    def _reached(self, name: str) -> Iterator[tuple[Any, str]]:
        """Yield what `_reach` returns; all errors become OSErrors that name the URL."""
        try:
            yield self._reach(name)
        except Exception as error:
            address = f"{self}/{name}" if name else str(self)
            raise OSError(*_errno_and_message(error, address), address) from error

    def _reach(self, name: str) -> tuple[Any, str]:
        """Return the file system, which fsspec caches per process, and the path within it."""
        from fsspec.core import url_to_fs

        if _INVALID.search(name):
            raise OSError(errno.EINVAL, "is not a valid name; use UTF-8, without ?versionId=")
        files, root = url_to_fs(self.url, **_OPTIONS.get(self._protocol, {}))
        return files, f"{root.rstrip('/')}/{name}" if name else root

    def _content_type(self, name: str) -> dict[str, str]:
        """Return the content type for browsers, if the store supports it."""
        option, kind = _TYPE_OPTIONS.get(self._protocol), mimetypes.guess_type(name)[0]
        return {option: kind} if option and kind else {}

    @contextmanager
    def _draft(self, name: str) -> Iterator[tuple[Any, str]]:
        """Yield where to write a file so that it appears atomically; see `_reached`."""
        with self._reached(name) as (files, path):
            if self._protocol in _OBJECT_STORES:
                yield files, path
                return
            _, folder = self._reach(DRAFTS)
            files.makedirs(folder, exist_ok=True)
            files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            unfinished = f"{folder}/{uuid4().hex}.part"
            try:
                yield files, unfinished
                _move(files, unfinished, path)
            finally:
                if files.exists(unfinished):
                    files.rm_file(unfinished)


def _entry(found: dict[str, Any], folder: str) -> StorageEntry | None:
    """Convert an entry; None for keys unusable as file names: with empty parts or `..`."""
    name = str(found["name"]).removeprefix(folder.rstrip("/")).strip("/")
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        return None
    if found["type"] == "directory":
        return StorageEntry(name, is_folder=True)
    if found["type"] != "file":
        return None
    versions = (found[key] for key in _VERSIONS if found.get(key) is not None)
    return StorageEntry(name, is_folder=False, size=found["size"], version=str(next(versions, "")))


def _move(files: Any, unfinished: str, path: str) -> None:
    """Rename, or copy if the file system cannot rename; [ and * are taken literally."""
    from fsspec import AbstractFileSystem

    if type(files).mv is AbstractFileSystem.mv:
        files.cp_file(unfinished, path)
    else:
        files.mv(unfinished, path)


def _errno_and_message(error: Exception, address: str) -> tuple[int, str]:
    names = (kind.__name__ for kind in type(error).__mro__)
    known = next((_ERRNOS[name] for name in names if name in _ERRNOS), errno.EIO)
    if not isinstance(error, OSError):
        return known, f"{type(error).__name__}: {error}"
    number, message = error.errno or known, error.strerror or str(error)
    # Some errors contain only the path.
    return number, os.strerror(number) if message in address else message
