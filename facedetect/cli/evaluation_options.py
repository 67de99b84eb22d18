"""Parse the options of `facedetect evaluate` that name detectors and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from facedetect.cli.options import parse_pair
from facedetect.detection_params import DetectionParams, parse_thresholds
from facedetect.errors import InvalidSettings
from facedetect.evaluation.detector_adapters import BackendAdapter, DetectorAdapter
from facedetect.evaluation.evaluation_run import KNOWN_SETTINGS
from facedetect.evaluation.external_program import ExternalProgramAdapter
from facedetect.presets import PRESETS
from facedetect.settings import DetectorSettings

_DETECTOR = "new=savedmodel:models/mtcnn"
_EXTERNAL = "mine='python mine.py'"
_DEFAULT_NAME = "facedetect"
_NAMED: Mapping[str, DetectionParams] = {
    **KNOWN_SETTINGS,
    **{str(k): v for k, v in PRESETS.items()},
}


def parse_param_sets(texts: Sequence[str]) -> dict[str, DetectionParams]:
    """Parse `defaults`, `recipe`, presets and `NAME=MIN_SIZE/FACTOR/T1,T2,T3[/LOOKS]`.

    Raises InvalidSettings and InvalidParams.
    """
    param_sets: dict[str, DetectionParams] = {}
    for text in texts:
        name, _, values = text.partition("=")
        if name in param_sets:
            raise InvalidSettings(f"--setting {name} is given twice; use a different name for each")
        param_sets[name] = _NAMED.get(text) or _parse_params(text, values)
    return param_sets


@contextmanager
def opened_detectors(
    detectors: Sequence[str], externals: Sequence[str], settings: DetectorSettings, timeout_s: float
) -> Iterator[list[DetectorAdapter]]:
    """Open all detectors before the first run, so that an invalid one is reported at once.

    Without any option, open the configured backend. Raises InvalidSettings and
    BackendUnavailable.
    """
    programs = [
        ExternalProgramAdapter(*parse_pair("external", text, _EXTERNAL), timeout_s=timeout_s)
        for text in externals
    ]
    if not detectors and not programs:
        detectors = [f"{_DEFAULT_NAME}={settings.backend}"]
    opened: list[DetectorAdapter] = []
    with ExitStack() as stack:
        for text in detectors:
            adapter = BackendAdapter.open(*parse_pair("detector", text, _DETECTOR), settings.limits)
            stack.callback(adapter.close)
            opened.append(adapter)
        yield [*opened, *programs]


def _parse_params(text: str, values: str) -> DetectionParams:
    try:
        min_size, factor, thresholds, *rest = values.split("/")
        numbers = float(min_size), float(factor)
        (looks,) = map(int, rest or ["1"])
    except ValueError as error:
        raise InvalidSettings(
            f"--setting {text!r} is unknown; use {', '.join(_NAMED)}, or "
            "NAME=MIN_SIZE/FACTOR/T1,T2,T3, such as strict=40/0.709/0.7,0.8,0.9, or that with "
            "/LOOKS"
        ) from error
    return DetectionParams(*numbers, parse_thresholds(thresholds), looks=looks)
