"""annotate-folder on a Ray cluster: two machines, one of which dies, and an S3 server."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from facedetect.archive.cluster.ray_executor import RayExecutor
from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.journal import Journal
from facedetect.archive.local_executor import LocalExecutor
from facedetect.archive.plan import Plan
from facedetect.archive.processing import ProcessingOptions
from facedetect.archive.remote_journal import RemoteJournal
from facedetect.archive.remote_storage import open_storage
from facedetect.archive.reports import Row, RunSummary
from facedetect.archive.run import ArchiveRun, FileExecutor
from facedetect.archive.run_job import RunJob
from facedetect.archive.storage import RUN_FOLDER, LocalStorage, Storage
from facedetect.detector import Detector
from facedetect.errors import BackendUnavailable, InvalidSettings
from facedetect.model_ref import ModelRef
from facedetect.settings import DetectorSettings
from tests.conftest import ASTRONAUT, GRACE_HOPPER
from tests.processes import run
from tests.s3 import s3_server

WORK = ProcessingOptions(crops="plain")
FILES = 60
_STORE = 80 * 2**20


@pytest.fixture(scope="module")
def settings() -> DetectorSettings:
    return DetectorSettings.load()


@pytest.fixture(scope="module")
def detector(settings: DetectorSettings) -> Iterator[Detector]:
    with settings.open_detector() as opened:
        yield opened


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> LocalStorage:
    """60 photographs and a text file."""
    place = LocalStorage(tmp_path_factory.mktemp("in"))
    photos = [ASTRONAUT.read_bytes(), GRACE_HOPPER.read_bytes()]
    for number in range(FILES):
        place.write(f"roll {number % 3}/{number:02}.jpg", photos[number % 2])
    place.write("roll 0/text.jpg", b"no image")
    return place


@pytest.fixture(scope="module")
def expected(archive: LocalStorage, detector: Detector, tmp_path_factory: Any) -> LocalStorage:
    """The results of this machine alone."""
    output = LocalStorage(tmp_path_factory.mktemp("out"))
    local = LocalExecutor(FileProcessor(detector, WORK, archive, output, 2))
    with closing(Journal(output.root / RUN_FOLDER / "journal.sqlite")) as journal:
        do(local, archive, output, journal)
    return output


@pytest.fixture(scope="module")
def s3(archive: LocalStorage) -> Iterator[None]:
    """A server with the archive in `photos/in`, to which the variables of this process lead."""
    with s3_server() as variables, pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        photos = open_storage("s3://photos/in")
        for path in archive.root.rglob("*.jpg"):
            photos.write(path.relative_to(archive.root).as_posix(), path.read_bytes())
        yield


@pytest.fixture(scope="module")
def cluster(s3: None) -> Iterator[Any]:  # noqa: ARG001 - its variables lead workers to the server
    """A head without cores, and two machines with a core each."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": _STORE, "include_dashboard": False}
    machines = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(2):
            machines.add_node(num_cpus=1, object_store_memory=_STORE)
        yield machines
    finally:
        machines.shutdown()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class OddPlace(LocalStorage):
    """A folder with a file that kills its reader, on a disk without room for one of the results."""

    def read(self, name: str) -> bytes:
        if name == "deadly.jpg":
            os._exit(1)
        return super().read(name)

    def write(self, name: str, data: bytes) -> None:
        if name == "large.jpg":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(name, data)


def has_worker(machine: Any) -> bool:
    """Return whether one of the pool's processes runs there."""
    (raylet,) = machine.all_processes["raylet"]
    children = Path(f"/proc/{raylet.process.pid}/task/{raylet.process.pid}/children").read_text()
    names = (Path(f"/proc/{child}/cmdline").read_text() for child in children.split())
    return any(name.startswith("ray::FileActor") for name in names)


def do(
    executor: FileExecutor,
    source: Storage,
    output: Storage,
    journal: Journal,
    *,
    stop: Event | None = None,
    on_row: Callable[[Row], None] = lambda _: None,
) -> RunSummary:
    fingerprint = WORK.fingerprint(ModelRef("mtcnn", 1))
    whole = ArchiveRun(Plan(source), output, journal, fingerprint, stop or Event())
    summary = whole.execute(executor, on_row)
    if not summary.interrupted:
        whole.write_reports(["jsonl"])
    return summary


def assert_same(output: Storage, expected: LocalStorage) -> None:
    report = expected.read("report.jsonl")
    assert report.count(b"\n") == FILES + 1
    assert output.read("report.jsonl") == report
    for path in expected.root.rglob("*.jpg"):
        name = path.relative_to(expected.root).as_posix()
        assert output.read(name) == path.read_bytes(), name


def test_a_stopped_run_resumes_on_one_machine(
    cluster: Any,
    detector: Detector,
    settings: DetectorSettings,
    expected: LocalStorage,
    tmp_path: Path,
) -> None:
    source, output, stop = open_storage("s3://photos/in"), LocalStorage(tmp_path / "out"), Event()
    executor = RayExecutor(RunJob(settings, WORK, source, output, 2, cluster.address), stop)
    with closing(Journal(tmp_path / "journal.sqlite")) as journal:
        begun = do(executor, source, output, journal, stop=stop, on_row=lambda _: stop.set())
    assert begun.interrupted
    assert 0 < begun.images < FILES
    with closing(Journal(tmp_path / "journal.sqlite")) as journal:
        local = LocalExecutor(FileProcessor(detector, WORK, source, output, 2))
        rest = do(local, source, output, journal)
    assert rest.unchanged == begun.images
    assert_same(output, expected)


@pytest.mark.usefixtures("s3")
def test_the_command_starts_a_ray_of_its_own(expected: LocalStorage) -> None:
    options = ["--quiet", "--engine", "ray", "--workers", "1", "--crops", "plain"]
    ended = run("annotate-folder", *options, "s3://photos/in/roll 1", "s3://photos/one")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "20 images" in ended.stdout
    whole = expected.read("report.jsonl").splitlines(keepends=True)
    rows = [row.replace(b"roll 1/", b"") for row in whole if b"roll 1/" in row]
    assert open_storage("s3://photos/one").read("report.jsonl") == b"".join(rows)


def test_a_model_that_is_not_there_ends_the_run(
    cluster: Any, archive: LocalStorage, tmp_path: Path
) -> None:
    settings = DetectorSettings.load(backend="grpc://127.0.0.1:9/mtcnn", timeout_s=2)
    output = LocalStorage(tmp_path)
    executor = RayExecutor(RunJob(settings, WORK, archive, output, 2, cluster.address), Event())
    with (
        closing(Journal(output.root / RUN_FOLDER / "journal.sqlite")) as journal,
        pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:9"),
    ):
        do(executor, archive, output, journal)


def test_a_full_disk_ends_the_run(cluster: Any, settings: DetectorSettings, tmp_path: Path) -> None:
    source, output = LocalStorage(tmp_path / "in"), OddPlace(tmp_path / "out")
    source.write("large.jpg", GRACE_HOPPER.read_bytes())
    executor = RayExecutor(RunJob(settings, WORK, source, output, 2, cluster.address), Event())
    with (
        closing(Journal(tmp_path / "journal.sqlite")) as journal,
        pytest.raises(OSError, match="No space left") as caught,
    ):
        do(executor, source, output, journal)
    assert caught.value.errno == errno.ENOSPC


def test_a_file_that_kills_its_workers_fails_alone(
    cluster: Any, settings: DetectorSettings, tmp_path: Path
) -> None:
    source, output = OddPlace(tmp_path / "in"), LocalStorage(tmp_path / "out")
    for name in ("a.jpg", "deadly.jpg", "e.jpg", "f.jpg", "g.jpg", "h.jpg"):
        source.write(name, GRACE_HOPPER.read_bytes())
    executor = RayExecutor(RunJob(settings, WORK, source, output, 1, cluster.address), Event())
    with closing(Journal(tmp_path / "journal.sqlite")) as journal:
        summary = do(executor, source, output, journal)
        failed = [row for row in journal.rows() if row["file"] == "deadly.jpg"]
    assert (summary.images, summary.failed) == (5, 1)
    assert "died 3 times" in str(failed)


def test_a_machine_that_dies_loses_nothing(
    cluster: Any, settings: DetectorSettings, expected: LocalStorage
) -> None:
    source, output = open_storage("s3://photos/in"), open_storage("s3://photos/out")
    executor = RayExecutor(RunJob(settings, WORK, source, output, 2, cluster.address), Event())
    rows: list[str] = []

    def kill_one(row: Row) -> None:
        rows.append(row["file"])
        if len(rows) == 1:
            busy = next(machine for machine in cluster.worker_nodes if has_worker(machine))
            cluster.remove_node(busy, allow_graceful=False)

    with closing(RemoteJournal(output)) as journal:
        summary = do(executor, source, output, journal, on_row=kill_one)
    assert sorted(set(rows)) == sorted(rows)
    assert (summary.images, summary.failed) == (FILES, 1)
    assert_same(output, expected)


def test_a_cluster_that_is_not_there(archive: LocalStorage, settings: DetectorSettings) -> None:
    executor = RayExecutor(RunJob(settings, WORK, archive, archive, 2, "127.0.0.1:9"), Event())
    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:9 cannot be reached"):
        list(executor.run(iter([])))
    with pytest.raises(InvalidSettings, match="ray://head"):
        RayExecutor(RunJob(settings, WORK, archive, archive, 2, "ray://head:10001"), Event())
