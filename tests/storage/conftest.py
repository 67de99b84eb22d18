"""Storages of every kind, including S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from s3fs import S3FileSystem  # type: ignore[import-untyped]

from facedetect.archive.remote_storage import RemoteStorage, open_storage
from facedetect.archive.storage import Storage
from tests.s3 import s3_server


@pytest.fixture(scope="session")
def s3() -> Iterator[None]:
    with s3_server() as variables, pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        yield
    S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["local", "file", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty folder."""
    if request.param == "local":
        return open_storage(str(tmp_path))
    if request.param == "file":
        return RemoteStorage(f"file://{tmp_path}")
    if request.param == "s3":
        request.getfixturevalue("s3")
        return open_storage(f"s3://photos/{uuid4().hex}/")
    return open_storage(f"memory://{uuid4().hex}")
