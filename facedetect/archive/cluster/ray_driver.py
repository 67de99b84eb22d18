"""The process that joins a Ray cluster and passes files to its actors."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from tempfile import TemporaryDirectory
from typing import Any

from facedetect.archive.run_job import RunJob
from facedetect.errors import BackendUnavailable, FacedetectError, InvalidSettings

# Ray's variable that chooses between 127.0.0.1 and an address that other machines can reach.
_LOCALHOST_ALONE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_CONNECT_S = 10.0
_OBJECT_STORE_BYTES = 100 * 2**20  # for names and rows only, not pictures


def drive(connection: Connection, job: RunJob) -> None:
    """Serve a `RayExecutor` until it closes the connection.

    The first message sent is the number of files that may be in progress. A request holds the
    arguments of `ActorPool.exchange`; the answer is its result. An error is sent and ends the
    process.
    """
    _detach()
    try:
        with _cluster(job):
            from facedetect.archive.cluster.actor_pool import ActorPool

            pool = ActorPool(job)
            connection.send(pool.capacity)
            while True:
                connection.send(pool.exchange(*connection.recv()))
    except FacedetectError as error:
        _send(connection, error)
    except Exception as error:  # noqa: BLE001 - Ray has many errors, all unexpected
        failure = BackendUnavailable("the Ray cluster failed")
        failure.add_note(f"{type(error).__name__}: {_last_line(error)}")
        _send(connection, failure)


def _last_line(error: Exception) -> str:
    """Return the error itself, which follows the traceback in Ray's messages."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), "").strip()


def _detach() -> None:
    """Detach from the terminal: Ctrl-C is for the command only, and Ray prints to stdout."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def _send(connection: Connection, message: object) -> None:
    with suppress(OSError):  # the command has ended
        connection.send(message)


@contextmanager
def _cluster(job: RunJob) -> Iterator[None]:
    """Join the cluster at the address, or run a local one for the duration of the block."""
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
    """Fail fast: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address) from error


def _unreachable(address: str | None) -> BackendUnavailable:
    return BackendUnavailable(f"the Ray cluster at {address} cannot be reached; is it running?")


def _address_options(job: RunJob, folder: str) -> dict[str, Any]:
    if job.address:
        return {"address": job.address}
    return {
        "address": "local",
        "num_cpus": job.workers,
        "object_store_memory": _OBJECT_STORE_BYTES,
        "include_dashboard": False,
        "_temp_dir": folder,
    }
