"""Open what a run needs: the source, the output, the journal and the executor."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Literal

from facedetect.archive.cluster.ray_executor import RayExecutor
from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.journal import Journal
from facedetect.archive.local_executor import LocalExecutor
from facedetect.archive.remote_journal import RemoteJournal
from facedetect.archive.remote_storage import RemoteStorage, open_storage
from facedetect.archive.run import FileExecutor
from facedetect.archive.run_job import RunJob
from facedetect.archive.storage import RUN_FOLDER, LocalStorage, Storage, is_within
from facedetect.cores import available_cores
from facedetect.errors import InvalidSettings
from facedetect.model_ref import ModelRef
from facedetect.settings import DetectorSettings

ExecutorName = Literal["local", "ray"]

_JOURNAL = f"{RUN_FOLDER}/journal.sqlite"


def open_storages(source: str, output: str, *, follow_links: bool) -> tuple[Storage, Storage]:
    """Open both folders by path or URL; an output within the source is not processed.

    Raises InvalidSettings if results could overwrite sources, or anything but earlier results.
    """
    for name, text in (("source", source), ("output", output)):
        if not text:
            raise InvalidSettings(f"the {name} folder is ''; give a path or a URL")
    results = open_storage(output)
    excluded = results.root if isinstance(results, LocalStorage) else None
    pictures = open_storage(source, excluded=excluded, follow_links=follow_links)
    if _is_within(pictures, results):
        raise InvalidSettings(
            f"the results in {output} could overwrite the sources in {source}; "
            "give an output folder that does not contain them"
        )
    if isinstance(results, RemoteStorage) and _is_within(results, pictures):
        raise InvalidSettings(
            f"the output {output} is inside the source {source} and would be processed, too; give "
            "an output outside of it"
        )
    _check_output(results, output)
    return pictures, results


@contextmanager
def open_journal(output: Storage, *, dry_run: bool) -> Iterator[Journal]:
    """Open the journal of earlier runs; a dry run gets a copy."""
    with ExitStack() as stack:
        if not isinstance(output, LocalStorage):
            yield stack.enter_context(RemoteJournal(output))
            return
        path = output.root / _JOURNAL
        if dry_run:
            copy = Path(stack.enter_context(TemporaryDirectory(prefix="facedetect-")))
            for part in path.parent.glob(f"{path.name}*"):
                shutil.copy(part, copy)
            path = copy / path.name
        yield stack.enter_context(Journal(path))


@contextmanager
def open_executor(
    name: ExecutorName, job: RunJob, stop: Event
) -> Iterator[tuple[ModelRef, FileExecutor]]:
    """Load the model; yield it with the executor that processes files with it.

    Raises InvalidSettings, BackendUnavailable.
    """
    if name == "local" and job.address is not None:
        raise InvalidSettings(
            f"the Ray address {job.address} requires the ray engine; add --engine ray"
        )
    workers = job.workers or available_cores()
    settings = _for_workers(job.settings, workers if name == "local" else 1)
    if name == "ray":
        executor = RayExecutor(replace(job, settings=settings), stop)
        with settings.open_detector(decoders=0) as detector:
            model = detector.warm_up()
        yield model, executor
    else:
        with settings.open_detector(workers) as detector:
            processor = FileProcessor(detector, job.options, job.source, job.output, workers, stop)
            yield detector.warm_up(), LocalExecutor(processor)


def _is_within(inner: Storage, outer: Storage) -> bool:
    if isinstance(inner, LocalStorage) and isinstance(outer, LocalStorage):
        return is_within(inner.root, outer.root)
    if isinstance(inner, RemoteStorage) and isinstance(outer, RemoteStorage):
        return f"{inner.url}/".startswith(f"{outer.url}/")
    return False


def _check_output(output: Storage, text: str) -> None:
    """Check that the folder contains only results, which replace files of the same names."""
    try:
        entries = output.entries("")
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise InvalidSettings(f"{text} is a file; give a folder for the results") from None
    if entries and not any(entry.name == RUN_FOLDER for entry in entries):
        raise InvalidSettings(
            f"{text} contains files that are not results of an earlier run and could be "
            "overwritten; give a new or empty folder"
        )
    if isinstance(output, LocalStorage) and Path(output.root, RUN_FOLDER).is_symlink():
        raise InvalidSettings(f"{text}/{RUN_FOLDER} is a link; remove it")


def _for_workers(settings: DetectorSettings, cores: int) -> DetectorSettings:
    """Give each worker's model one core, and make its paths absolute.

    Otherwise each worker would use all cores, and several would compete for them. Workers need not
    run in this directory.
    """
    spec = settings.backend
    if spec.scheme == "embedded":
        spec = replace(spec, threads=spec.threads or cores)
    elif spec.scheme == "savedmodel":
        spec = replace(spec, inter_op_threads=spec.inter_op_threads or cores)
    spec = replace(
        spec,
        folder=spec.folder and spec.folder.absolute(),
        weights=spec.weights and spec.weights.absolute(),
    )
    return settings.model_copy(update={"backend": spec})
