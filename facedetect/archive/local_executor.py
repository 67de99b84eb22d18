"""The executor for one machine: each thread takes a file from reading to writing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice

from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import FileResult, RunInterrupted

# One file per thread waits in the queue, so that no thread is idle while rows are recorded.
_QUEUED_PER_THREAD = 2


class LocalExecutor:
    """Processes files in `processor.workers` threads; the libraries release the GIL.

    Only that many images are in memory at once, however many files there are.
    """

    def __init__(self, processor: FileProcessor) -> None:
        self._processor = processor

    def run(self, files: Iterator[SourceFile]) -> Iterator[FileResult]:
        """Process all files; see `FileExecutor.run`."""
        threads = self._processor.workers
        running: set[Future[FileResult]] = set()
        with ThreadPoolExecutor(threads, thread_name_prefix="files") as pool:
            futures = (pool.submit(self._processor.process, file) for file in files)
            try:
                while running := running | set(
                    islice(futures, _QUEUED_PER_THREAD * threads - len(running))
                ):
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from _results(done)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _results(done: set[Future[FileResult]]) -> Iterator[FileResult]:
    for future in done:
        with suppress(RunInterrupted):
            yield future.result()
