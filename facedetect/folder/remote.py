"""Folders at addresses: `s3://bucket/photos`, and whatever else fsspec reaches."""

from __future__ import annotations

import errno
import mimetypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from facedetect.errors import InvalidSettings
from facedetect.folder.places import STATE, Entry, LocalPlace, Place

_PROTOCOL = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
_SAME = {"s3a": "s3", "gcs": "gs", "az": "abfs", "abfss": "abfs"}

_UNFINISHED = f"{STATE}/unfinished"

# What is put there is there whole or not at all; folders are but the names of what is in them.
_OBJECT_STORES = frozenset({"s3", "gs", "abfs"})

# What a store tells of a file that changes with its bytes, best first.
_VERSIONS = ("ETag", "etag", "generation", "mtime", "LastModified", "last_modified", "created")

# Listings that are kept could hide what has changed; nothing is waited for without an end.
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

_NO_CREDENTIALS = "no credentials were found; set them as for the store's own tools"
_UNREACHABLE = "the server cannot be reached"
# The libraries' errors that are no OSError, by the names of their classes.
_ERRORS = {
    "NoCredentialsError": (errno.EACCES, _NO_CREDENTIALS),
    "PartialCredentialsError": (errno.EACCES, _NO_CREDENTIALS),
    "DefaultCredentialsError": (errno.EACCES, _NO_CREDENTIALS),
    "ConnectTimeoutError": (errno.ETIMEDOUT, _UNREACHABLE),
    "ReadTimeoutError": (errno.ETIMEDOUT, "the server did not answer in time"),
    "HTTPClientError": (errno.ECONNREFUSED, _UNREACHABLE),
    "EndpointConnectionError": (errno.ECONNREFUSED, _UNREACHABLE),
    "UnicodeEncodeError": (errno.EILSEQ, "the name is not UTF-8"),
}
# Of the OSErrors that come with words alone.
_NUMBERS: list[tuple[type[OSError], int]] = [
    (FileNotFoundError, errno.ENOENT),
    (PermissionError, errno.EACCES),
    (TimeoutError, errno.ETIMEDOUT),
    (ConnectionError, errno.ECONNREFUSED),
]


def open_place(text: str, *, left_out: Path | None = None, follow_links: bool = False) -> Place:
    """Open the folder at an address (`s3://bucket/photos`), or the one of this machine.

    The options are those of LocalPlace. Nothing is asked of the place yet. Raises InvalidSettings
    if nothing installed reaches the address.
    """
    protocol, is_address, rest = text.partition("://")
    if not is_address or not _PROTOCOL.fullmatch(protocol):
        return LocalPlace(Path(text), left_out, follow_links)
    protocol = _SAME.get(protocol.lower(), protocol.lower())
    if protocol == "file":
        if not rest.startswith("/"):
            raise InvalidSettings(f"{text} names a machine; write file:///FOLDER, or the path")
        return LocalPlace(Path(unquote(rest)), left_out, follow_links)
    place = RemotePlace(f"{protocol}://{rest.rstrip('/')}")
    place.check_reach()
    return place


@dataclass(frozen=True, repr=False)
class RemotePlace:
    """A folder at an address; connections are made where it is used, and kept by fsspec."""

    url: str

    def __str__(self) -> str:
        """The address without a password."""
        return re.sub(r"(?<=//)([^/@:]*):[^/@]*@", r"\1:***@", self.url)

    __repr__ = __str__

    def check_reach(self) -> None:
        """Raise InvalidSettings if no library for the address is installed."""
        try:
            from fsspec import get_filesystem_class

            get_filesystem_class(self._protocol)
        except ImportError as error:
            raise InvalidSettings(
                f"{self} cannot be reached from here: {error}; install facedetect with its extra "
                "s3 for s3://, with ray and fsspec's own library for other addresses"
            ) from error
        except ValueError as error:
            raise InvalidSettings(
                f"{self} is of no known kind; use s3://BUCKET/FOLDER, gs://BUCKET/FOLDER "
                "or a folder of this machine"
            ) from error

    def entries(self, folder: str) -> list[Entry]:
        with self._told(folder):
            files, path = self._reach(folder)
            listing = files.ls(path, detail=True)
        if [(found["name"], found["type"]) for found in listing] == [(path, "file")]:
            raise self._error(errno.ENOTDIR, "is a file, not a folder", folder)
        known = (_entry(found, path) for found in listing)
        return [entry for entry in known if entry is not None]

    def read(self, name: str) -> bytes:
        with self._told(name):
            files, path = self._reach(name)
            data: bytes = files.cat_file(path)
            return data

    def write(self, name: str, data: bytes) -> None:
        with self._told(name), self._new(name) as (files, path):
            files.pipe_file(path, data, **self._type(name))

    def remove(self, name: str) -> None:
        try:
            with self._told(name):
                files, path = self._reach(name)
                files.rm_file(path)
        except FileNotFoundError:
            pass

    def tidy(self) -> None:
        try:
            with self._told(_UNFINISHED):
                files, path = self._reach(_UNFINISHED)
                files.rm(path, recursive=True)
        except FileNotFoundError:
            pass

    @contextmanager
    def read_from(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix="facedetect-") as folder:
            copy = Path(folder, "copy").with_suffix(Path(name).suffix)
            with self._told(name):
                files, path = self._reach(name)
                files.get_file(path, str(copy))
            yield copy

    @contextmanager
    def written_to(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix="facedetect-") as folder:
            draft = Path(folder, "draft").with_suffix(Path(name).suffix)
            yield draft
            with self._told(name), self._new(name) as (files, path):
                files.put_file(str(draft), path, **self._type(name))

    @property
    def _protocol(self) -> str:
        return self.url.partition("://")[0]

    def _reach(self, name: str) -> tuple[Any, str]:
        """The file system and the path within it; fsspec has one per address and process."""
        from fsspec.core import url_to_fs

        if "?versionId=" in name or "\0" in name:
            raise self._error(errno.EINVAL, "cannot be a name there", name)
        files, root = url_to_fs(self.url, **_OPTIONS.get(self._protocol, {}))
        return files, f"{root.rstrip('/')}/{name}" if name else root

    def _type(self, name: str) -> dict[str, str]:
        """How browsers are to show the file, where the store keeps that."""
        option, kind = _TYPE_OPTIONS.get(self._protocol), mimetypes.guess_type(name)[0]
        return {option: kind} if option and kind else {}

    @contextmanager
    def _new(self, name: str) -> Iterator[tuple[Any, str]]:
        """Where to put a file so that it is there whole or not at all."""
        files, path = self._reach(name)
        if self._protocol in _OBJECT_STORES:
            yield files, path
            return
        _, folder = self._reach(_UNFINISHED)
        files.makedirs(folder, exist_ok=True)
        files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        unfinished = f"{folder}/{uuid4().hex}.part"
        try:
            yield files, unfinished
            _move(files, unfinished, path)
        finally:
            if files.exists(unfinished):
                files.rm_file(unfinished)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Turn whatever the libraries raise into OSErrors that say what and where."""
        try:
            yield
        except Exception as error:
            address = f"{self}/{name}" if name else str(self)
            raise OSError(*_number_and_words(error, address), address) from error

    def _error(self, number: int, words: str, name: str) -> OSError:
        """OSError of the class that the number asks for."""
        return OSError(number, words, f"{self}/{name}" if name else str(self))


def _entry(found: dict[str, Any], folder: str) -> Entry | None:
    """Keys with empty parts, or parts that lead elsewhere on a disk, are no files here."""
    name = str(found["name"]).removeprefix(folder.rstrip("/")).strip("/")
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        return None
    if found["type"] == "directory":
        return Entry(name, is_folder=True)
    if found["type"] != "file":
        return None
    versions = (found[key] for key in _VERSIONS if found.get(key) is not None)
    return Entry(name, is_folder=False, size=found["size"], version=str(next(versions, "")))


def _move(files: Any, unfinished: str, path: str) -> None:
    """Rename; what cannot be renamed is copied, without taking [ and * for patterns."""
    from fsspec import AbstractFileSystem

    if type(files).mv is AbstractFileSystem.mv:
        files.cp_file(unfinished, path)
    else:
        files.mv(unfinished, path)


def _number_and_words(error: Exception, address: str) -> tuple[int, str]:
    names = (kind.__name__ for kind in type(error).__mro__)
    known = next((_ERRORS[name] for name in names if name in _ERRORS), None)
    if known is not None:
        number, words = known
        return number, f"{words}: {error}"
    if not isinstance(error, OSError):
        return errno.EIO, f"{type(error).__name__}: {error}"
    kinds = (number for kind, number in _NUMBERS if isinstance(error, kind))
    number, words = error.errno or next(kinds, errno.EIO), error.strerror or str(error)
    # Some say no more than the path.
    return number, os.strerror(number) if words in address else words
