"""The storage contract, for local and remote folders."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path, PurePosixPath

import fsspec
import pytest
from botocore.exceptions import (  # type: ignore[import-untyped]
    NoCredentialsError,
    ReadTimeoutError,
)
from fsspec.implementations.memory import MemoryFileSystem
from s3fs import S3FileSystem  # type: ignore[import-untyped]

from facedetect.archive.names import folds_names
from facedetect.archive.remote_storage import RemoteStorage, open_storage
from facedetect.archive.storage import DRAFTS, RUN_FOLDER, LocalStorage, Storage, StorageEntry
from facedetect.errors import InvalidSettings

AWKWARD = ["a b .jpg", "#1.jpg", "what?.jpg", "100%20.jpg", "ü-漢.jpg", "[x]*.jpg", "s3:/q.jpg"]


def names(place: Storage, folder: str = "") -> list[str]:
    """Return a folder's contents, except our own files."""
    entries = (entry for entry in place.entries(folder) if entry.name != RUN_FOLDER)
    return sorted(entry.name + "/" * entry.is_folder for entry in entries)


def size(place: Storage, name: str) -> int | None:
    folder, _, last = name.rpartition("/")
    try:
        sizes = {entry.name: entry.size for entry in place.entries(folder) if not entry.is_folder}
    except (FileNotFoundError, NotADirectoryError):
        return None
    return sizes.get(last)


def files(place: Storage) -> list[StorageEntry]:
    return [entry for entry in place.entries("") if not entry.is_folder]


def sent(place: Storage) -> Storage:
    """As another process gets it."""
    copy: Storage = pickle.loads(pickle.dumps(place))  # noqa: S301 - our own
    return copy


def test_what_is_written_is_there(place: Storage) -> None:
    place.write("a/b/c.jpg", b"123")
    place.write("a/d.jpg", b"12345")
    assert place.read("a/b/c.jpg") == b"123"
    assert (size(place, "a/b/c.jpg"), size(place, "a/x.jpg")) == (3, None)
    assert names(place) == ["a/"]
    assert names(place, "a") == ["b/", "d.jpg"]
    assert [entry.size for entry in place.entries("a") if not entry.is_folder] == [5]


def test_names_that_mean_something_elsewhere(place: Storage) -> None:
    for name in AWKWARD:
        place.write(f"in {name}/{name}", name.encode())
        place.write(name, b"")
    for name in AWKWARD:
        assert place.read(f"in {name}/{name}") == name.encode()
        assert size(place, name) == 0
        path = PurePosixPath(f"in {name}/{name}")
        assert names(place, str(path.parent)) == [path.name]
    listed = [name for name in names(place) if not name.endswith("/")]
    assert listed == sorted(name for name in AWKWARD if "/" not in name)


def test_a_file_that_is_replaced_has_another_version(place: Storage) -> None:
    place.write("a.jpg", b"123")
    (before,) = files(place)
    assert files(place) == [before]
    place.write("a.jpg", b"124")
    (after,) = files(place)
    assert place.read("a.jpg") == b"124"
    assert (before.size, before.version) != (after.size, after.version)


def test_what_is_not_there(place: Storage) -> None:
    place.write("a.jpg", b"1")
    place.remove("b.jpg")
    assert size(place, "b.jpg") is None
    assert size(place, "a.jpg/b.jpg") is None
    with pytest.raises(FileNotFoundError):
        place.read("b.jpg")
    with pytest.raises(FileNotFoundError):
        place.entries("folder")
    with pytest.raises(NotADirectoryError):
        place.entries("a.jpg")
    place.remove("a.jpg")
    assert size(place, "a.jpg") is None


def test_paths_of_this_machine_for_libraries_that_want_them(place: Storage) -> None:
    with place.local_draft("sub/clip.mp4") as path:
        path.write_bytes(b"frames")
        assert size(place, "sub/clip.mp4") is None
    with place.as_local_file("sub/clip.mp4") as path:
        assert path.read_bytes() == b"frames"
    with pytest.raises(FileNotFoundError), place.as_local_file("none.mp4"):
        pass


def test_a_write_that_fails_leaves_what_was_there(place: Storage) -> None:
    place.write("clip.mp4", b"old")

    def fail() -> None:
        with place.local_draft("clip.mp4") as path:
            path.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert place.read("clip.mp4") == b"old"
    assert names(place) == ["clip.mp4"]


def test_what_was_left_half_written_is_removed(place: Storage) -> None:
    left = f"{DRAFTS}/a.part"
    place.write(left, b"half")
    place.remove_partial_files()
    place.remove_partial_files()
    assert size(place, left) is None


def test_places_are_sent_to_other_processes(place: Storage) -> None:
    place.write("a.jpg", b"1")
    assert len(pickle.dumps(place)) < 500
    assert sent(place).read("a.jpg") == b"1"


def test_changes_by_others_are_seen(place: Storage) -> None:
    other = sent(place)
    place.write("a.jpg", b"1")
    assert names(place) == ["a.jpg"]
    other.write("b.jpg", b"2")
    assert names(place) == ["a.jpg", "b.jpg"]
    other.remove("a.jpg")
    assert names(place) == ["b.jpg"]
    assert size(place, "a.jpg") is None


@pytest.mark.usefixtures("s3")
def test_keys_that_lead_elsewhere_on_a_disk_are_left_out() -> None:
    files = fsspec.filesystem("s3")
    for key in ["up/../out.jpg", "up//x.jpg", "up/./y.jpg", "up/ok.jpg", "up/"]:
        files.call_s3("put_object", Bucket="photos", Key=key, Body=b"1")
    assert names(open_storage("s3://photos/up")) == ["ok.jpg"]


@pytest.mark.usefixtures("s3")
def test_browsers_are_told_what_is_in_a_file() -> None:
    place = open_storage("s3://photos/page")
    place.write("index.html", b"<p>")
    with place.local_draft("a.jpg") as path:
        path.write_bytes(b"1")
    files = fsspec.filesystem("s3")
    assert files.info("photos/page/index.html")["ContentType"] == "text/html"
    assert files.info("photos/page/a.jpg")["ContentType"] == "image/jpeg"


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there() -> None:
    place = open_storage("s3://nowhere/photos")
    for call in (lambda: place.entries(""), lambda: place.write("a", b""), lambda: place.read("a")):
        with pytest.raises(FileNotFoundError, match=r"s3://nowhere/photos"):
            call()


@pytest.mark.usefixtures("s3")
def test_a_name_that_a_store_cannot_have_is_refused() -> None:
    place = open_storage("s3://photos")
    for name in ("bad\udcff.jpg", "page?versionId=3.jpg"):
        with pytest.raises(OSError, match="is not a valid name"):
            place.write(name, b"")


def test_a_server_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(ConnectionError, match="Could not connect"):
        open_storage("s3://photos").read("a.jpg")
    S3FileSystem.clear_instance_cache()


class BrokenFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Fails as told."""

    protocol = "broken"
    error: Exception = OSError()

    def cat_file(self, *_: object, **__: object) -> bytes:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "number"),
    [
        (PermissionError("Access Denied"), PermissionError, errno.EACCES),
        (NoCredentialsError(), PermissionError, errno.EACCES),
        (ReadTimeoutError(endpoint_url="x"), TimeoutError, errno.ETIMEDOUT),
        (OSError(errno.ENOSPC, "full"), OSError, errno.ENOSPC),
        (ConnectionResetError("gone"), ConnectionError, errno.ECONNREFUSED),
        (RuntimeError("odd"), OSError, errno.EIO),
    ],
)
def test_errors_of_libraries(error: Exception, kind: type[OSError], number: int) -> None:
    fsspec.register_implementation("broken", BrokenFileSystem, clobber=True)
    BrokenFileSystem.error = error
    with pytest.raises(kind) as caught:
        open_storage("broken://user:secret@host/folder").read("a.jpg")
    assert caught.value.errno == number
    assert "broken://user:***@host/folder/a.jpg" in str(caught.value)
    assert "secret" not in repr(caught.value)


def test_addresses(tmp_path: Path) -> None:
    assert open_storage("file:///a%20b") == LocalStorage(Path("/a b"))
    assert open_storage(str(tmp_path), follow_links=True) == LocalStorage(
        tmp_path, follow_links=True
    )
    assert open_storage("S3A://photos/2024//") == RemoteStorage("s3://photos/2024")
    with pytest.raises(InvalidSettings, match="unknown scheme"):
        open_storage("nonsense://x")
    with pytest.raises(InvalidSettings, match="gcsfs"):
        open_storage("gs://bucket/x")


def test_names_that_differ_in_case_are_two_files_and_finding_out_leaves_nothing(
    place: Storage,
) -> None:
    for dry_run in (True, False):
        assert not folds_names(place, dry_run=dry_run)
    place.remove_partial_files()
    place.write("A.jpg", b"A")
    place.write("a.jpg", b"a")
    assert (place.read("A.jpg"), place.read("a.jpg")) == (b"A", b"a")
    assert {entry.name for entry in place.entries("")} - {RUN_FOLDER} == {"A.jpg", "a.jpg"}
