"""What the processes of a run tell each other."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import FileResult, ProcessingOptions
from facedetect.archive.storage import Storage
from facedetect.settings import DetectorSettings


@dataclass(frozen=True)
class Job:
    """What a cluster is to do: `settings` tell each worker how to open its detector.

    `address` is the cluster's (`HOST:6379`, or `auto` on one of its machines); without one a Ray of
    this machine is started for the run. `workers` is how many there are at most, by default one
    for each core of the cluster, two where the model runs elsewhere.
    """

    settings: DetectorSettings
    work: ProcessingOptions
    source: Storage
    output: Storage
    workers: int | None = None
    address: str | None = None

    @property
    def is_model_within(self) -> bool:
        """Whether the model runs in the workers, not on other machines."""
        return self.settings.backend.is_in_process


@dataclass(frozen=True)
class Ready:
    """The cluster is there, with so many workers."""

    workers: int


@dataclass(frozen=True)
class Chunk:
    """Some items that are done together; the `number` tells it when it comes back twice."""

    number: int
    items: list[SourceFile]


@dataclass(frozen=True)
class Reply:
    """What became of a chunk: items that were not done because of a stop are not in `outcomes`."""

    number: int
    outcomes: list[FileResult]


@dataclass(frozen=True)
class End:
    """There are no more chunks than so many."""

    count: int


class Stop:
    """Nothing more is begun."""
