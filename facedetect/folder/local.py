"""The engine of one machine: threads, each of which does one file from reading to writing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice

from facedetect.folder.plan import Item
from facedetect.folder.work import Interrupted, Outcome
from facedetect.folder.worker import Worker

# While one file is done, the next one's name waits: no thread is idle while rows are recorded.
_QUEUED_PER_THREAD = 2


class LocalEngine:
    """Does items in `worker.workers` threads; TensorFlow, OpenCV and Pillow let others run.

    So many images are in memory at once, however many there are.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def run(self, items: Iterator[Item]) -> Iterator[Outcome]:
        """Do all items; see `Engine.run`."""
        threads = self._worker.workers
        under_way: set[Future[Outcome]] = set()
        with ThreadPoolExecutor(threads, thread_name_prefix="files") as pool:
            jobs = (pool.submit(self._worker.do, item) for item in items)
            try:
                while under_way := _refilled(under_way, jobs, _QUEUED_PER_THREAD * threads):
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    yield from _finished(done)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _finished(done: set[Future[Outcome]]) -> Iterator[Outcome]:
    for future in done:
        with suppress(Interrupted):
            yield future.result()


def _refilled(
    under_way: set[Future[Outcome]], jobs: Iterator[Future[Outcome]], size: int
) -> set[Future[Outcome]]:
    """Begin jobs until `size` are under way: the others are names that nobody has read yet."""
    return under_way | set(islice(jobs, size - len(under_way)))
