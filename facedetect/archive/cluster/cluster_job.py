"""The configuration of a run on a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.archive.processing import ProcessingOptions
from facedetect.archive.storage import Storage
from facedetect.settings import DetectorSettings


@dataclass(frozen=True)
class ClusterJob:
    """The cluster, and what each of its workers needs to process files.

    `address` is `HOST:6379`, or `auto` on one of the cluster's machines; None starts Ray locally
    for the run. `workers` is the maximum number of workers; None means one per core of the
    cluster, or two if the model runs elsewhere.
    """

    settings: DetectorSettings
    options: ProcessingOptions
    source: Storage
    output: Storage
    workers: int | None = None
    address: str | None = None

    @property
    def is_model_in_process(self) -> bool:
        """Whether each worker runs the model itself."""
        return self.settings.backend.is_in_process
