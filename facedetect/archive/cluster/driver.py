"""The process that drives Ray: one stream of chunks through a pool of workers."""

from __future__ import annotations

import os
import pickle
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from facedetect.archive.cluster.messages import Chunk, End, Job, Ready, Reply
from facedetect.errors import BackendUnavailable, FacedetectError, InvalidSettings

# Ray's name for the switch between the address that other machines reach and 127.0.0.1.
_LOCALHOST_ALONE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_CONNECT_S = 10.0
_OBJECT_STORE_BYTES = 100 * 2**20  # names and rows pass through it, pictures do not


def drive(connection: Connection, job: Job) -> None:
    """Do the chunks that come, and send what became of them, until the other end closes.

    Whatever goes wrong is sent, too.
    """
    _be_quiet()
    try:
        with _cluster(job):
            _stream(connection, job)
    except FacedetectError as error:
        _send(connection, error)
    except Exception as error:  # noqa: BLE001 - Ray's own are many, and mean that it cannot go on
        failed = BackendUnavailable("the Ray cluster could not go on with the work")
        failed.add_note(f"{type(error).__name__}: {_last_line(error)}")
        _send(connection, failed)


def _last_line(error: Exception) -> str:
    """Ray's errors hold tracebacks; what happened comes last."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), "").strip()


def _be_quiet() -> None:
    """Ray prints its state to standard output; Ctrl-C is the other process's to take."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def _send(connection: Connection, message: object) -> None:
    with suppress(OSError):  # nobody is there to hear
        connection.send(message)


@contextmanager
def _cluster(job: Job) -> Iterator[None]:
    """Be part of the cluster at the address, or of one that lives as long as the block."""
    if job.address is None:
        os.environ[_LOCALHOST_ALONE] = "0"
    elif job.address != "auto":
        _check_reach(job.address)
    import ray

    with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        try:
            ray.init(log_to_driver=False, **_address_options(job, folder))
        except ConnectionError as error:
            raise _unreachable(job.address) from error
        except (RuntimeError, ValueError, OSError) as error:
            raise InvalidSettings(f"Ray cannot be used: {error}") from error
        try:
            yield
        finally:
            ray.shutdown()


def _check_reach(address: str) -> None:
    """Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address) from error


def _unreachable(address: str | None) -> BackendUnavailable:
    return BackendUnavailable(f"the Ray cluster at {address} cannot be reached; is it running?")


def _address_options(job: Job, folder: str) -> dict[str, Any]:
    if job.address:
        return {"address": job.address}
    return {
        "address": "local",
        "num_cpus": job.workers,
        "object_store_memory": _OBJECT_STORE_BYTES,
        "include_dashboard": False,
        "_temp_dir": folder,
    }


def _stream(connection: Connection, job: Job) -> None:
    from facedetect.archive.cluster.pool import replies, start_feed, worker_count

    workers = job.workers or worker_count(job)
    feed = start_feed()
    Thread(target=_pass_on, args=(connection, feed), daemon=True).start()
    connection.send(Ready(workers))
    for row in replies(feed, job, workers):
        message = pickle.loads(row)  # noqa: S301 - our own workers wrote it
        connection.send(message)
        if isinstance(message, Reply):
            feed.forget.remote(message.number)


def _pass_on(connection: Connection, feed: Any) -> None:
    """Take chunks from the other process to the cluster."""
    try:
        while True:
            message = connection.recv()
            if isinstance(message, Chunk):
                feed.add.remote(message)
            elif isinstance(message, End):
                feed.end.remote(message.count)
            else:
                feed.stop.remote()
    except (EOFError, OSError):
        feed.stop.remote()
        feed.end.remote(0)
