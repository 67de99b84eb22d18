"""What runs on the cluster: the feed of chunks, and the pool of workers that do them."""

from __future__ import annotations

import asyncio
import math
import pickle
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Datasource, ReadTask
from ray.data.block import BlockMetadata

from facedetect.archive.cluster.messages import Chunk, Job, Reply
from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.processing import FileResult, RunInterrupted
from facedetect.archive.reports import failed_row
from facedetect.errors import FacedetectError, InvalidImage

# The machine without which there is no cluster: what is there does not die before the run does.
_HEAD = {"node:__internal_head__": 0.001}
_TRIES = 3
_CORES_OF_A_WAITING_WORKER = 0.5
_MOST_WAITING_CALLS = 100_000


def worker_count(job: Job) -> int:
    """How many workers the cluster has room for now."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 1) / _cores_each(job)))


def _cores_each(job: Job) -> float:
    return 1.0 if job.is_model_within else _CORES_OF_A_WAITING_WORKER


class Feed:
    """Holds the chunks until what became of them is known; counts how often items are begun.

    Ray asks again from the first one if the reader dies: those that are done are empty then.
    """

    def __init__(self) -> None:
        self._chunks: dict[int, bytes] = {}
        self._count = math.inf
        self._changed = asyncio.Condition()
        self._stopped = asyncio.Event()
        self._begun: defaultdict[int, Counter[int]] = defaultdict(Counter)

    # Calls may overtake each other.

    async def add(self, chunk: Chunk) -> None:
        async with self._changed:
            self._chunks[chunk.number] = pickle.dumps(chunk)
            self._changed.notify_all()

    async def end(self, count: int) -> None:
        """So many chunks there are."""
        async with self._changed:
            self._count = count
            self._changed.notify_all()

    async def stop(self) -> None:
        self._stopped.set()

    async def take(self, number: int) -> bytes | None:
        """The chunk of that number, as soon as it is there; None after the last one."""
        async with self._changed:
            await self._changed.wait_for(lambda: number in self._chunks or number >= self._count)
            return self._chunks.get(number)

    async def begin(self, chunk: int, place: int) -> int:
        """Note that an item is begun; returns how often it was."""
        self._begun[chunk][place] += 1
        return self._begun[chunk][place]

    async def forget(self, chunk: int) -> None:
        """Give up a chunk that is done, and known to be."""
        self._chunks[chunk] = b""
        self._begun.pop(chunk, None)

    async def stopped(self) -> None:
        """Return when the run is to end."""
        await self._stopped.wait()


def start_feed() -> Any:
    """Start the feed on the head, which nobody shares."""
    feed = ray.remote(Feed)
    return feed.options(
        num_cpus=0,
        resources=_HEAD,
        max_concurrency=_MOST_WAITING_CALLS,
        enable_task_events=False,  # Ray would remember every call
    ).remote()


def replies(feed: Any, job: Job, workers: int) -> Iterator[bytes]:
    """Have all that is fed done by the pool; gives pickled replies or errors as they come."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = 1  # bytes: each chunk is passed on when it comes
    fed = ray.data.read_datasource(_Fed(feed), override_num_blocks=1, num_cpus=0, resources=_HEAD)
    pool = ActorPoolStrategy(
        min_size=1, max_size=workers, initial_size=min(workers, worker_count(job))
    )
    done = fed.map(
        PoolWorker,
        fn_constructor_args=(feed, job),
        compute=pool,
        num_cpus=_cores_each(job),
    )
    for batch in done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        yield from batch["reply"].to_pylist()


class _Fed(Datasource):
    """Rows of one chunk each, for as long as the run feeds them."""

    def __init__(self, feed: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._feed = feed

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(self, *_: object, **__: object) -> list[ReadTask]:
        feed = self._feed

        def read() -> Iterator[pa.Table]:
            number = 0
            while (chunk := ray.get(feed.take.remote(number))) is not None:
                yield pa.table({"chunk": [chunk]})
                number += 1

        return [ReadTask(read, BlockMetadata(None, None, None, None))]


class PoolWorker:
    """One of the pool: opens a detector once, and does chunks with it."""

    def __init__(self, feed: Any, job: Job) -> None:
        self._feed = feed
        self._stop = Event()
        Thread(target=self._await_stop, daemon=True).start()
        self._problem: Exception | None = None
        try:
            detector = job.settings.open_detector()
            detector.warm_up()
            self._worker = FileProcessor(
                detector, job.work, job.source, job.output, stop=self._stop
            )
        except Exception as error:  # noqa: BLE001 - the first chunk's reply tells of it
            self._problem = _with_traceback(error)

    def __call__(self, row: dict[str, Any]) -> dict[str, bytes]:
        if not row["chunk"]:
            return {"reply": pickle.dumps(None)}
        chunk = pickle.loads(row["chunk"])  # noqa: S301 - the engine wrote it
        if self._problem is not None:
            return {"reply": pickle.dumps(self._problem)}
        try:
            reply: object = Reply(chunk.number, list(self._outcomes(chunk)))
        except Exception as error:  # noqa: BLE001 - sent as the answer, and raised there
            reply = _with_traceback(error)
        return {"reply": pickle.dumps(reply)}

    def _outcomes(self, chunk: Chunk) -> Iterator[FileResult]:
        for place, item in enumerate(chunk.items):
            with suppress(RunInterrupted):
                tries = ray.get(self._feed.begin.remote(chunk.number, place))
                if tries <= _TRIES:
                    yield self._worker.process(item)
                    continue
                died = InvalidImage(f"the worker died {_TRIES} times while it looked at the file")
                yield FileResult(item, failed_row(item.name, died), {})

    def _await_stop(self) -> None:
        with suppress(ray.exceptions.RayError):  # the run has ended without a word
            ray.get(self._feed.stopped.remote())
        self._stop.set()


def _with_traceback(error: Exception) -> Exception:
    """An error that nobody foresaw is to be found where it happened."""
    if not isinstance(error, FacedetectError | OSError):
        error.add_note(traceback.format_exc())
    return error
