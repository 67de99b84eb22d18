"""The actors that process files on the cluster, and the pool that distributes files to them."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from threading import Event
from typing import Any

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayTaskError,
    WorkerCrashedError,
)

from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import FileResult, RunInterrupted
from facedetect.archive.reports import failed_row
from facedetect.archive.run_job import RunJob
from facedetect.errors import BackendUnavailable, FacedetectError, InvalidImage

_CORES_WITH_MODEL_SERVER = 0.5
# One in progress, one waiting at the actor, one in transit.
_FILES_PER_ACTOR = 3
_MAX_DEATHS = 3
_WAIT_S = 0.2
_CONTROL = "control"
# Any other error of Ray means that the whole cluster is unusable.
_ACTOR_DIED = (RayActorError, OutOfMemoryError, WorkerCrashedError, NodeDiedError, ObjectLostError)


class FileActor:
    """Processes files on a machine of the cluster, one at a time."""

    def __init__(self, job: RunJob) -> None:
        self._job = job
        self._stop = Event()

    def open(self) -> None:
        """Load the model; not in __init__, whose errors Ray reports only as text."""
        job = self._job
        detector = job.settings.open_detector(decoders=1)
        detector.warm_up()
        self._processor = FileProcessor(
            detector, job.options, job.source, job.output, stop=self._stop
        )

    def process(self, file: SourceFile) -> FileResult:
        """Process a file; see `FileProcessor.process`."""
        return self._processor.process(file)

    def stop(self) -> None:
        """Start no more files, and abandon a video in progress."""
        self._stop.set()


@dataclass(eq=False)
class PooledActor:
    """An actor and its pending calls, in the order of execution; that of `open` has no file."""

    actor: Any
    calls: dict[Any, SourceFile | None]
    is_open: bool = False


class ActorPool:
    """Distributes files to actors; the files of an actor that dies go to others.

    The pool requests actors while files are waiting, up to the job's number of workers. The cluster
    starts them when it has room.
    """

    def __init__(self, job: RunJob) -> None:
        self._job = job
        cores = 1.0 if job.settings.backend.is_in_process else _CORES_WITH_MODEL_SERVER
        self._size = job.workers or _actors_that_fit(cores)
        on_cluster: Any = ray.remote  # its types lack these options
        self._actor_class = on_cluster(
            num_cpus=cores, concurrency_groups={_CONTROL: 1}, enable_task_events=False
        )(FileActor)
        self._actors: list[PooledActor] = []
        self._waiting: deque[SourceFile] = deque()
        self._deaths: Counter[SourceFile | None] = Counter()

    @property
    def capacity(self) -> int:
        """How many files keep the whole pool busy."""
        return _FILES_PER_ACTOR * self._size

    def exchange(
        self, items: list[SourceFile], is_last: bool, is_stopping: bool
    ) -> list[FileResult | Exception]:
        """Accept files, wait a moment, and return a result for each file finished so far.

        `is_last` means that no more files follow. If `is_stopping`, no more files are started, and
        the result of an unprocessed file is RunInterrupted. Any other error must end the run.
        """
        self._waiting.extend(items)
        results = self._interrupt() if is_stopping else []
        if is_last:
            self._release_idle()
        self._hand_out()
        self._start_missing()
        owners = {call: pooled for pooled in self._actors for call in pooled.calls}
        if owners and not results:
            ray.wait(list(owners), timeout=_WAIT_S)
        if owners:
            # In the order of the calls.
            ready, _ = ray.wait(list(owners), num_returns=len(owners), timeout=0)
            for call in ready:
                results += self._result(call, owners[call])
        return results

    def _interrupt(self) -> list[FileResult | Exception]:
        for pooled in self._actors:
            pooled.actor.stop.options(concurrency_group=_CONTROL).remote()
        count = len(self._waiting)
        self._waiting.clear()
        return [RunInterrupted() for _ in range(count)]

    def _release_idle(self) -> None:
        """Free the cores of actors without files, including those not started yet."""
        if self._waiting:
            return
        for pooled in [pooled for pooled in self._actors if not any(pooled.calls.values())]:
            ray.kill(pooled.actor)
            self._actors.remove(pooled)

    def _start_missing(self) -> None:
        """Start an actor for each waiting file, up to the pool's size."""
        starting = sum(not pooled.is_open for pooled in self._actors)
        missing = min(len(self._waiting) - starting, self._size - len(self._actors))
        for _ in range(missing):
            actor = self._actor_class.remote(self._job)
            self._actors.append(PooledActor(actor, {actor.open.remote(): None}))

    def _hand_out(self) -> None:
        opened = [pooled for pooled in self._actors if pooled.is_open]
        while self._waiting and opened:
            pooled = min(opened, key=self._load)
            load = self._load(pooled)
            # A file that may have killed an actor runs alone, so that it is not blamed for another
            # file: the last result before a death may be lost in transit.
            if load == _FILES_PER_ACTOR or (load and self._deaths[self._waiting[0]]):
                return
            file = self._waiting.popleft()
            pooled.calls[pooled.actor.process.remote(file)] = file

    def _load(self, pooled: PooledActor) -> int:
        """Return an actor's load in files; some files fill it.

        Files behind a video would wait long; a file that killed an actor is processed alone.
        """
        files = pooled.calls.values()
        is_full = any(file and (file.is_video or self._deaths[file]) for file in files)
        return _FILES_PER_ACTOR if is_full else len(pooled.calls)

    def _result(self, call: Any, pooled: PooledActor) -> list[FileResult | Exception]:
        """Return a finished call's result; empty if it loaded a model or the file is requeued."""
        if call not in pooled.calls:  # an earlier call revealed that the actor died
            return []
        try:
            result = ray.get(call)
        except RayTaskError as error:
            result = _cause(error)
        except _ACTOR_DIED:
            return self._drop(pooled)
        file = pooled.calls.pop(call)
        self._deaths.pop(file, None)
        if result is None:
            pooled.is_open = True
            return []
        return [result]

    def _drop(self, pooled: PooledActor) -> list[FileResult | Exception]:
        """Queue a dead actor's files again; fail a file that has killed too many actors.

        The actor died of its first pending call, since it executes calls in order.
        """
        _check_own_node()
        ray.kill(pooled.actor)  # it may be alive but unreachable
        self._actors.remove(pooled)
        calls = list(pooled.calls.values())
        pooled.calls.clear()
        executed = calls[0]
        self._deaths[executed] += 1
        results: list[FileResult | Exception] = []
        if executed is None and self._deaths[None] == _MAX_DEATHS * self._size:
            results.append(
                BackendUnavailable("the workers on the Ray cluster died while loading the model")
            )
        elif executed is not None and self._deaths[executed] == _MAX_DEATHS:
            died = InvalidImage(f"the worker died {_MAX_DEATHS} times while processing this file")
            results.append(FileResult(executed, failed_row(executed.name, died), {}))
            calls.remove(executed)
        self._waiting.extendleft(file for file in reversed(calls) if file)
        return results


def _actors_that_fit(cores: float) -> int:
    """Return how many more actors the cluster can run now."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 1) / cores))


def _check_own_node() -> None:
    """Raise if the driver's node has died: its actors die with it, and new ones never start."""
    own = ray.get_runtime_context().get_node_id()
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    if not any(node["Alive"] for node in nodes if node["NodeID"] == own):
        raise BackendUnavailable("the Ray node on this machine has died; restart it")


def _cause(error: RayTaskError) -> Exception:
    """Return the error that the actor raised, with its traceback if it is a bug."""
    cause: Exception = error.cause
    if not isinstance(cause, FacedetectError | OSError):
        cause.add_note(str(error))
    return cause
