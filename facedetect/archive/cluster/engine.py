"""The engine of many machines: a process of its own has the items done by a Ray cluster."""

from __future__ import annotations

import math
import multiprocessing
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice
from multiprocessing.connection import Connection
from threading import Event

from facedetect.archive.cluster.driver import drive
from facedetect.archive.cluster.messages import Chunk, End, Job, Ready, Reply, Stop
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import FileResult
from facedetect.archive.storage import LocalStorage, Storage
from facedetect.errors import BackendUnavailable, InvalidSettings

# A chunk takes Ray some milliseconds, and 3 kB in the process that drives it for as long as the run
# lasts: the longer it lasts, the more images share one. Short runs get small ones, so that all
# workers end at about the same time.
_FEWEST_IN_A_CHUNK = 4
_MOST_IN_A_CHUNK = 32
_CHUNKS_TILL_ONE_MORE = 64
# One is worked on, one waits at the worker, one is on its way.
_CHUNKS_PER_WORKER = 3
_ADDRESS = re.compile(r"auto|[^/]+:\d+")
_LOOK_UP_S = 0.2
_END_S = 60.0


class RayEngine:
    """Does items on a Ray cluster; a machine that dies loses nothing, its items are done again.

    Ray lives in a process of its own: it prints what it likes and takes signals for itself.
    """

    def __init__(self, job: Job, stop: Event) -> None:
        """Raises InvalidSettings if Ray is not installed, or the address cannot be right."""
        if find_spec("ray") is None:
            raise InvalidSettings("Ray is not installed; install facedetect with its extra ray")
        if job.address and not _ADDRESS.fullmatch(job.address):
            raise InvalidSettings(
                f"the address of the Ray cluster is {job.address!r}; give HOST:6379, or auto on "
                "one of its machines (Ray's clients, ray://, cannot stream)"
            )
        source, output = _absolute(job.source), _absolute(job.output)
        self._job = replace(job, source=source, output=output)
        self._stop = stop

    def run(self, items: Iterator[SourceFile]) -> Iterator[FileResult]:
        """Do all items; see `Engine.run`. Raises BackendUnavailable if the cluster fails."""
        messages = _messages(items)
        under_way: set[int] = set()
        with _cluster(self._job) as cluster:
            ready = self._receive(cluster)
            size = _CHUNKS_PER_WORKER * ready.workers if isinstance(ready, Ready) else 0
            while True:
                for message in islice(messages, size - len(under_way)):
                    cluster.send(message)
                    if isinstance(message, Chunk):
                        under_way.add(message.number)
                reply = self._receive(cluster) if under_way else None
                if reply is None:
                    return
                # Ray does a chunk again if its machine dies just before the answer was taken.
                if isinstance(reply, Reply) and reply.number in under_way:
                    under_way.remove(reply.number)
                    yield from reply.outcomes

    def _receive(self, cluster: Connection) -> object:
        """The cluster's next message; an error is raised, None is no answer after a stop."""
        patience = math.inf
        try:
            while not cluster.poll(_LOOK_UP_S):
                if time.monotonic() > patience:
                    return None
                if self._stop.is_set() and patience == math.inf:
                    cluster.send(Stop())
                    patience = time.monotonic() + _END_S
            message: object = cluster.recv()
        except (EOFError, OSError) as error:
            raise BackendUnavailable("the process that drives Ray has ended") from error
        if isinstance(message, BaseException):
            raise message
        return message


def _absolute(place: Storage) -> Storage:
    """Workers need not run in the folder that the command was given in."""
    if not isinstance(place, LocalStorage):
        return place
    excluded = place.excluded.absolute() if place.excluded else None
    return replace(place, root=place.root.absolute(), excluded=excluded)


def _messages(items: Iterator[SourceFile]) -> Iterator[Chunk | End]:
    """Images share a chunk, a video, which takes long, has its own."""
    number, images = 0, list[SourceFile]()
    for item in items:
        if item.kind == "video":
            yield Chunk(number, [item])
            number += 1
            continue
        images.append(item)
        if len(images) == _size(number):
            yield Chunk(number, images)
            number, images = number + 1, []
    if images:
        yield Chunk(number, images)
        number += 1
    yield End(number)


def _size(number: int) -> int:
    """How many images the chunk of that number has."""
    return min(_FEWEST_IN_A_CHUNK + number // _CHUNKS_TILL_ONE_MORE, _MOST_IN_A_CHUNK)


@contextmanager
def _cluster(job: Job) -> Iterator[Connection]:
    """Run `drive` in another process while the block lasts; gives the way to it."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=drive, args=(theirs, job), name="ray driver")
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(_END_S)
        if process.is_alive():
            process.kill()
            process.join()
