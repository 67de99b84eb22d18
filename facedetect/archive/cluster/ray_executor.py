"""The executor that processes files on a Ray cluster."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice
from multiprocessing.connection import Connection
from threading import Event
from typing import Any

from facedetect.archive.cluster.ray_driver import drive
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import FileResult, RunInterrupted
from facedetect.archive.run_job import RunJob
from facedetect.archive.storage import LocalStorage, Storage
from facedetect.errors import BackendUnavailable, InvalidSettings

_ADDRESS = re.compile(r"auto|[^/]+:\d+")
_POLL_S = 0.2
_SHUTDOWN_S = 60.0


class RayExecutor:
    """Processes files on a Ray cluster; the files of a machine that dies are processed again.

    The Ray driver runs in a separate process: if the cluster's head dies, Ray exits its process
    without an exception, and the journal would not be closed. It also replaces the SIGTERM handler.
    """

    def __init__(self, job: RunJob, stop: Event) -> None:
        """Raises InvalidSettings if Ray is not installed or the address is malformed."""
        if find_spec("ray") is None:
            raise InvalidSettings("Ray is not installed; install facedetect with its extra ray")
        if job.address and not _ADDRESS.fullmatch(job.address):
            raise InvalidSettings(
                f"the address of the Ray cluster is {job.address!r}; give HOST:6379, or auto on "
                "one of its machines (the addresses of Ray's client, ray://, are not supported)"
            )
        source, output = _absolute(job.source), _absolute(job.output)
        self._job = replace(job, source=source, output=output)
        self._stop = stop

    def run(self, files: Iterator[SourceFile]) -> Iterator[FileResult]:
        """Process all files; see `FileExecutor.run`.

        Raises BackendUnavailable if the cluster fails.
        """
        with _driver(self._job) as connection:
            while not connection.poll(_POLL_S):  # connecting to a cluster takes seconds
                if self._stop.is_set():
                    return
            capacity = _receive(connection)
            in_progress = 0
            while True:
                batch = list(islice(files, capacity - in_progress))
                is_last = len(batch) < capacity - in_progress
                in_progress += len(batch)
                if not in_progress:
                    return
                for result in _exchange(connection, (batch, is_last, self._stop.is_set())):
                    in_progress -= 1
                    if isinstance(result, FileResult):
                        yield result
                    elif not isinstance(result, RunInterrupted):
                        raise result


def _absolute(storage: Storage) -> Storage:
    """Make paths absolute: workers may run in another directory than the command."""
    if not isinstance(storage, LocalStorage):
        return storage
    excluded = storage.excluded.absolute() if storage.excluded else None
    return replace(storage, root=storage.root.absolute(), excluded=excluded)


@contextmanager
def _driver(job: RunJob) -> Iterator[Connection]:
    """Run `drive` in another process during the block; yields the connection to it."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=drive, args=(theirs, job), name="ray driver")
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(_SHUTDOWN_S)
        if process.is_alive():
            process.kill()
            process.join()


def _exchange(connection: Connection, request: tuple[list[SourceFile], bool, bool]) -> Any:
    try:
        connection.send(request)
    except OSError as error:
        raise _ended() from error
    return _receive(connection)


def _receive(connection: Connection) -> Any:
    """Return the driver's next message, or raise it if it is an error."""
    try:
        message = connection.recv()
    except (EOFError, OSError) as error:
        raise _ended() from error
    if isinstance(message, Exception):
        raise message
    return message


def _ended() -> BackendUnavailable:
    return BackendUnavailable(
        "the Ray driver process has exited; is the cluster's head node running?"
    )
