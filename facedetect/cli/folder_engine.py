"""What does the work of `facedetect annotate-folder`, and where is remembered what was done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Literal

from rich.console import Console

from facedetect.cores import available_cores
from facedetect.errors import InvalidSettings
from facedetect.folder.cluster import Job, RayEngine
from facedetect.folder.journal import Journal
from facedetect.folder.local import LocalEngine
from facedetect.folder.places import STATE, LocalPlace, Place
from facedetect.folder.remote_journal import RemoteJournal
from facedetect.folder.run import Engine
from facedetect.folder.worker import Worker
from facedetect.model_ref import ModelRef
from facedetect.settings import DetectorSettings

EngineName = Literal["local", "ray"]

_JOURNAL = f"{STATE}/journal.sqlite"


@contextmanager
def opened_engine(
    name: EngineName, job: Job, stop: Event, console: Console
) -> Iterator[tuple[ModelRef, Engine]]:
    """Give the model that will look at the files, and the engine that has them done."""
    if name == "local" and job.address is not None:
        raise InvalidSettings("--ray-address is for --engine ray")
    workers = job.workers or available_cores()
    cores = workers if name == "local" else 1
    job = replace(job, settings=_anywhere(_with_cores(job.settings, cores)))
    ray = RayEngine(job, stop) if name == "ray" else None
    with job.settings.open_detector() as detector:
        with console.status("Loading the model"):
            model = detector.warm_up()
        if ray is None:
            worker = Worker(detector, job.work, job.source, job.output, workers, stop)
            yield model, LocalEngine(worker)
            return
    yield model, ray


def _anywhere(settings: DetectorSettings) -> DetectorSettings:
    """A model's folder is named in full: workers need not run in this one."""
    spec = settings.backend
    if spec.folder is None:
        return settings
    return settings.model_copy(update={"backend": replace(spec, folder=spec.folder.absolute())})


@contextmanager
def opened_journal(results: Place, *, dry_run: bool) -> Iterator[Journal]:
    """Open what is remembered of earlier runs; a dry run looks at a copy."""
    with ExitStack() as stack:
        if not isinstance(results, LocalPlace):
            yield stack.enter_context(RemoteJournal(results))
            return
        path = results.root / _JOURNAL
        if dry_run:
            copy = Path(stack.enter_context(TemporaryDirectory(prefix="facedetect-")))
            for part in path.parent.glob(f"{path.name}*"):
                shutil.copy(part, copy)
            path = copy / path.name
        yield stack.enter_context(Journal(path))


def _with_cores(settings: DetectorSettings, cores: int) -> DetectorSettings:
    """TensorFlow in a process gets a core for each worker there, unless the URL says otherwise.

    One worker would have all of them otherwise, and several would be in each other's way.
    """
    spec = settings.backend
    if not spec.is_in_process or spec.inter_op_threads is not None:
        return settings
    return settings.model_copy(update={"backend": replace(spec, inter_op_threads=cores)})
