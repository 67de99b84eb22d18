"""What the executor of a run needs."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.archive.processing import ProcessingOptions
from facedetect.archive.storage import Storage
from facedetect.settings import DetectorSettings


@dataclass(frozen=True)
class RunJob:
    """What workers need to process files, and how many there are.

    `workers` is their maximum number; None means one per core, or two per core of a cluster if the
    model runs elsewhere. `address` is the Ray cluster's: `HOST:6379`, or `auto` on one of its
    machines; None starts Ray locally for the run.
    """

    settings: DetectorSettings
    options: ProcessingOptions
    source: Storage
    output: Storage
    workers: int | None = None
    address: str | None = None
