"""What `facedetect evaluate` is to evaluate, from the words of its options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from facedetect.errors import InvalidSettings
from facedetect.evaluation.external import ExternalSubject
from facedetect.evaluation.runs import KNOWN_SETTINGS
from facedetect.evaluation.subjects import BackendSubject, Subject
from facedetect.faces import DetectionParams, parse_thresholds
from facedetect.settings import DetectorSettings

_NAMED = re.compile(r"([^=:/?]+)=(.+)")
_OWN_NAME = "facedetect"


def parse_settings(texts: Sequence[str]) -> dict[str, DetectionParams]:
    """Read `defaults`, `recipe` and `NAME=MIN_SIZE/FACTOR/T1,T2,T3`.

    Raises InvalidSettings and InvalidParams.
    """
    settings: dict[str, DetectionParams] = {}
    for text in texts:
        name, _, values = text.partition("=")
        if name in settings:
            raise InvalidSettings(f"--setting {name} is given twice; give each its own name")
        settings[name] = _parse_params(text, values) if values else _known(text)
    return settings


@contextmanager
def opened_subjects(
    detectors: Sequence[str], externals: Sequence[str], settings: DetectorSettings, timeout_s: float
) -> Iterator[list[Subject]]:
    """Open every detector, so that one that cannot be right is told before hours of work.

    Without any the settings' own backend is opened. Raises InvalidSettings, BackendUnavailable.
    """
    programs = [ExternalSubject(*_named("external", t), timeout_s=timeout_s) for t in externals]
    if not detectors and not programs:
        detectors = [f"{_OWN_NAME}={settings.backend}"]
    opened: list[Subject] = []
    with ExitStack() as stack:
        for text in detectors:
            subject = BackendSubject.open(*_named("detector", text), settings.limits)
            stack.callback(subject.close)
            opened.append(subject)
        yield [*opened, *programs]


def _named(option: str, text: str) -> tuple[str, str]:
    found = _NAMED.fullmatch(text)
    if found is None:
        example = "new=embedded:models/mtcnn" if option == "detector" else "mine='python mine.py'"
        raise InvalidSettings(
            f"--{option} {text!r} has no name; write NAME=, then what it is: {example}"
        )
    return found[1], found[2]


def _known(name: str) -> DetectionParams:
    known: Mapping[str, DetectionParams] = KNOWN_SETTINGS
    if name not in known:
        raise InvalidSettings(
            f"--setting {name!r} is not known; use {' or '.join(known)}, or "
            "NAME=MIN_SIZE/FACTOR/T1,T2,T3 such as strict=40/0.709/0.7,0.8,0.9"
        )
    return known[name]


def _parse_params(text: str, values: str) -> DetectionParams:
    try:
        min_size, factor, thresholds = values.split("/")
        numbers = float(min_size), float(factor)
    except ValueError as error:
        raise InvalidSettings(
            f"--setting {text!r} cannot be read; write NAME=MIN_SIZE/FACTOR/T1,T2,T3 such as "
            "strict=40/0.709/0.7,0.8,0.9"
        ) from error
    return DetectionParams(*numbers, parse_thresholds(thresholds))
