"""What runs on the cluster: actors that process files, and the pool that hands files to them."""

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

from facedetect.archive.cluster.cluster_job import ClusterJob
from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import FileResult, RunInterrupted
from facedetect.archive.reports import failed_row
from facedetect.errors import BackendUnavailable, FacedetectError, InvalidImage

_CORES_WITH_MODEL_SERVER = 0.5
# One is processed, one waits at the actor, one is on its way.
_FILES_PER_ACTOR = 3
_MAX_DEATHS = 3
_WAIT_S = 0.2
_CONTROL = "control"
# After any other of Ray's errors the whole cluster is of no use.
_ACTOR_DIED = (RayActorError, OutOfMemoryError, WorkerCrashedError, NodeDiedError, ObjectLostError)


class FileActor:
    """Processes files on a machine of the cluster, one at a time."""

    def __init__(self, job: ClusterJob) -> None:
        self._job = job
        self._stop = Event()

    def open(self) -> None:
        """Load the model; not in __init__, whose errors Ray passes on as text."""
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
        """Begin no more files, and leave a video half done."""
        self._stop.set()


@dataclass(eq=False)
class PooledActor:
    """An actor and its pending calls, in the order of execution; that of `open` has no file."""

    actor: Any
    calls: dict[Any, SourceFile | None]
    is_open: bool = False


class ActorPool:
    """Hands files to actors; the files of an actor that dies go to others.

    The pool starts actors while files wait, up to the job's number of workers, and no more than the
    files need. The cluster starts them when it has room.
    """

    def __init__(self, job: ClusterJob) -> None:
        self._job = job
        cores = 1.0 if job.is_model_in_process else _CORES_WITH_MODEL_SERVER
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
        """Accept files, wait a moment, and return one result for each file finished by now.

        `is_last` says that no more files will come. If `is_stopping`, no more files are begun: the
        result of a file that was not processed is RunInterrupted. Any other error must end the run.
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
        """Free the cores of actors without files, also of those that have not started yet."""
        if self._waiting:
            return
        for pooled in [pooled for pooled in self._actors if not any(pooled.calls.values())]:
            ray.kill(pooled.actor)
            self._actors.remove(pooled)

    def _start_missing(self) -> None:
        """Have an actor for each file that waits, within the pool's size."""
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
            # Alone, a file that an actor died of cannot be blamed for another's fault: the result
            # before a death may be lost on its way.
            if load == _FILES_PER_ACTOR or (load and self._deaths[self._waiting[0]]):
                return
            file = self._waiting.popleft()
            pooled.calls[pooled.actor.process.remote(file)] = file

    def _load(self, pooled: PooledActor) -> int:
        """How many files an actor has; some fill it.

        Files behind a video would wait for long; what an actor died of is processed alone.
        """
        files = pooled.calls.values()
        is_full = any(file and (file.kind == "video" or self._deaths[file]) for file in files)
        return _FILES_PER_ACTOR if is_full else len(pooled.calls)

    def _result(self, call: Any, pooled: PooledActor) -> list[FileResult | Exception]:
        """The result of a finished call; nothing if it loaded a model or its file waits again."""
        if call not in pooled.calls:  # an earlier call has shown that the actor died
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
        """Let the files of a dead actor wait again; fail the file that killed too many actors.

        The actor died of the first of its calls: it executes them in order.
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
                BackendUnavailable("the workers on the Ray cluster died on loading the model")
            )
        elif executed is not None and self._deaths[executed] == _MAX_DEATHS:
            died = InvalidImage(f"the worker died {_MAX_DEATHS} times while processing this file")
            results.append(FileResult(executed, failed_row(executed.name, died), {}))
            calls.remove(executed)
        self._waiting.extendleft(file for file in reversed(calls) if file)
        return results


def _actors_that_fit(cores: float) -> int:
    """How many actors the cluster has room for now."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 1) / cores))


def _check_own_node() -> None:
    """All actors die with the node of their driver, and new ones would wait without end."""
    own = ray.get_runtime_context().get_node_id()
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    if not any(node["Alive"] for node in nodes if node["NodeID"] == own):
        raise BackendUnavailable("the Ray node of this machine has died; start it again")


def _cause(error: RayTaskError) -> Exception:
    """The error that the actor raised, with its traceback if it is a bug."""
    cause: Exception = error.cause
    if not isinstance(cause, FacedetectError | OSError):
        cause.add_note(str(error))
    return cause
