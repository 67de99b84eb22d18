"""Every detector at every setting over the pictures of a truth, going on where a run was ended."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from types import MappingProxyType

from facedetect.errors import InvalidSettings
from facedetect.evaluation.detections import DetectionsFile, Found
from facedetect.evaluation.subjects import Subject
from facedetect.evaluation.truth import LabelledImage, Truth
from facedetect.faces import DetectionParams

KNOWN_SETTINGS: Mapping[str, DetectionParams] = MappingProxyType(
    {
        "defaults": DetectionParams(),
        "recipe": DetectionParams(min_size=10, factor=0.79, thresholds=(0.5, 0.5, 0.3)),
    }
)
"""The defaults of all commands, and what MTCNN's author evaluates with on WIDER FACE."""

# Changes when the same detector would be said to have found something else than before.
_RESULTS = 1
_NAME = re.compile(r"[A-Za-z0-9][\w .,+-]{0,99}")


@dataclass(frozen=True)
class Run:
    """One detector at one setting: its answers in the truth's order."""

    detector: str
    identity: str
    setting: str
    params: DetectionParams
    found: tuple[Found, ...]

    @property
    def name(self) -> str:
        return f"{self.detector}, {self.setting}"

    @property
    def errors(self) -> dict[str, str]:
        """What prevented answers, by the picture's name."""
        return {found.image: found.error for found in self.found if found.error is not None}


class Progress:
    """Is told how far an evaluation is, and may end it; this one tells nobody.

    Once `stop` is set, the pictures under way are the last ones.
    """

    def __init__(self, stop: Event | None = None) -> None:
        self.stop = stop or Event()

    def begin(self, name: str, total: int, done: int) -> None:
        """A run over so many pictures begins, of which earlier ones have answered some."""

    def answered(self, found: Found) -> None:
        """A picture was answered."""


def evaluate(
    truth: Truth,
    subjects: Sequence[Subject],
    settings: Mapping[str, DetectionParams],
    output: Path,
    *,
    threads: int = 1,
    progress: Progress | None = None,
    repeat_errors: bool = True,
) -> Iterator[Run]:
    """Look at every picture with every subject at every setting; give each run as it is over.

    Answers are kept in `output`/detections as they come: what is there of the same detector,
    setting and truth is not asked for again, but for errors where `repeat_errors`. A subject is
    closed when its runs are over. Raises InvalidSettings and BackendError's subclasses.
    """
    _check_names("detector", [subject.name for subject in subjects])
    _check_names("setting", list(settings))
    told = progress or Progress()
    for subject in subjects:
        with closing(subject):
            for setting, params in settings.items():
                path = output / "detections" / subject.name / f"{setting}.jsonl"
                with DetectionsFile(path, _fingerprint(truth, subject, params)) as kept:
                    missing = _missing(truth, kept, repeat_errors=repeat_errors)
                    done = len(truth.images) - len(missing)
                    told.begin(f"{subject.name}, {setting}", len(truth.images), done)
                    for found in _answers(subject, missing, params, threads, told.stop):
                        kept.add(found)
                        told.answered(found)
                    if told.stop.is_set():
                        return
                    all_found = tuple(kept.found[image.name] for image in truth.images)
                yield Run(subject.name, subject.identity, setting, params, all_found)


def _check_names(kind: str, names: Sequence[str]) -> None:
    """Raise InvalidSettings if names, which become files', cannot be files' or are not distinct."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidSettings(
                f"the {kind}'s name {name!r} cannot be used; take letters, digits, spaces and "
                "., +-, a letter or digit first"
            )
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InvalidSettings(f"two {kind}s are called {min(twice)!r}; give each its own name")


def _answers(
    subject: Subject,
    images: list[LabelledImage],
    params: DetectionParams,
    threads: int,
    stop: Event,
) -> Iterator[Found]:
    """Ask for all of them, `threads` at a time; answers come as they are there."""
    with ThreadPoolExecutor(threads) as pool:
        asked = {pool.submit(subject.detect, image, params) for image in images}
        try:
            for future in as_completed(asked):
                asked.remove(future)
                yield future.result()
                if stop.is_set():
                    break
            under_way = [future for future in asked if not future.cancel()]
            for future in under_way:
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _missing(truth: Truth, kept: DetectionsFile, *, repeat_errors: bool) -> list[LabelledImage]:
    done = {name for name, found in kept.found.items() if found.error is None or not repeat_errors}
    return [image for image in truth.images if image.name not in done]


def _fingerprint(truth: Truth, subject: Subject, params: DetectionParams) -> str:
    """Changes with all that decides the answers, and with the labels."""
    parts = [_RESULTS, subject.identity, asdict(params), truth.fingerprint()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
