"""Working through a plan on this machine."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TextIO

from facedetect.detector import Detector
from facedetect.errors import (
    BackendProtocolError,
    BackendTimeout,
    ImageError,
    InvalidParams,
)
from facedetect.faces import DetectionParams
from facedetect.files import written_whole
from facedetect.folder.plan import Item, Plan
from facedetect.folder.reports import Row, Summary, failed_row, found_row, to_json_line
from facedetect.images import load_image, write_image
from facedetect.render import annotate

# What may be wrong with one image; after anything else the next image would fail as well.
OF_ONE_IMAGE = (ImageError, InvalidParams, BackendTimeout, BackendProtocolError)

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def annotate_folder(
    detector: Detector,
    plan: Plan,
    params: DetectionParams,
    *,
    threads: int,
    on_row: Callable[[Row], None] = lambda _: None,
    stop: Event | None = None,
) -> Summary:
    """Write every image of the plan with its faces drawn, and the report; returns the counts.

    `on_row` hears of each image as it is done, in the plan's order. When `stop` is set, the images
    begun are finished and the summary says interrupted. However the run ends, the report holds what
    was done. Raises BackendUnavailable, and OSError if the disk is full or the report cannot be
    written.
    """
    summary = Summary()
    under_way: deque[Future[Row]] = deque()
    with _report(plan.report) as report, ThreadPoolExecutor(threads) as pool:

        def record(row: Row) -> None:
            report.write(to_json_line(row))
            summary.add(row)
            on_row(row)

        for folder, error in plan.unreadable:
            record(failed_row(folder, error))
        jobs: Iterator[Future[Row]]
        jobs = (pool.submit(_annotate_item, detector, item, params) for item in plan.items)
        while _refill(under_way, jobs, 2 * threads):
            future = under_way.popleft()
            if stop is not None and stop.is_set():
                summary.interrupted = True
                jobs = iter(())
                if future.cancel():
                    continue
            record(future.result())
    return summary


@contextmanager
def _report(path: Path) -> Iterator[TextIO]:
    """Give a report to write lines to; it takes its name at the end, also after an error."""
    with written_whole(path) as unfinished:
        end: BaseException | None = None
        try:
            with unfinished.open("w", encoding="utf-8") as report:
                yield report
        except BaseException as error:  # noqa: BLE001 - raised again below
            end = error
    if end is not None:
        raise end


def _refill(
    under_way: deque[Future[Row]], jobs: Iterator[Future[Row]], size: int
) -> deque[Future[Row]]:
    """Start jobs until `size` are under way: so many images are in memory, the rest are names."""
    under_way.extend(islice(jobs, size - len(under_way)))
    return under_way


def _annotate_item(detector: Detector, item: Item, params: DetectionParams) -> Row:
    try:
        image = load_image(item.source, detector.limits)
        found = detector.detect_upright(image, params)
        write_image(item.output, annotate(image, found.faces))
    except OF_ONE_IMAGE as error:
        return failed_row(item.name, error)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        return failed_row(item.name, error)
    return found_row(item.name, found)
