"""Map a function over items in threads, with results in the items' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_in_order(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Yield the results in order; items are read ahead by at most twice `threads`.

    Raises what the function or the iteration raises, and drops items not yet started.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="batch")
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:  # the caller may stop early
        pool.shutdown(wait=True, cancel_futures=True)
