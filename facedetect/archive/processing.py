"""What to do with each file of a folder, and what came of it."""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from facedetect.archive.plan import SourceFile
from facedetect.archive.reports import Row
from facedetect.crops import CropStyle
from facedetect.errors import BackendUnavailable, InvalidSettings
from facedetect.faces import DetectionParams
from facedetect.images import Metadata
from facedetect.model_ref import ModelRef

DisplayStyle = Literal["box", "blur", "pixelate", "solid", "none"]
"""How faces are shown in the results (see `render.Style`); none writes no pictures."""

_OUTAGES = (ConnectionError, TimeoutError)
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}

# Increase it when the same options give other bytes than before, so that files are processed again.
_RESULTS_VERSION = 2


@dataclass(frozen=True)
class ProcessingOptions:
    """What to do with each file.

    `style` is how faces are shown on the pictures, "none" writes no pictures; `metadata` is what
    pictures and videos keep of their source's; `thumbnails` are for the contact sheet; of a video
    every `stride`-th frame is searched for faces.
    """

    params: DetectionParams = field(default_factory=DetectionParams)
    style: DisplayStyle = "box"
    metadata: Metadata = "keep"
    crops: CropStyle | None = None
    thumbnails: bool = False
    stride: int = 1

    def fingerprint(self, model: ModelRef) -> str:
        """Return everything that the results depend on, apart from the sources."""
        return json.dumps([_RESULTS_VERSION, asdict(self), asdict(model)], sort_keys=True)


@dataclass(frozen=True)
class FileResult:
    """What came of a file: its row of the report, and the sizes of the files written, bytes."""

    file: SourceFile
    row: Row
    outputs: dict[str, int]


class RunInterrupted(Exception):
    """The run is stopping: a file was not begun, or left unfinished."""


def is_fatal(error: Exception) -> bool:
    """Whether the next file would fail for the same reason.

    So it is if the model or a storage cannot be reached, the disk is full, a setting is wrong, or
    the run is stopping.
    """
    if isinstance(error, OSError):
        return error.errno in _DISK_FULL or isinstance(error, _OUTAGES)
    return isinstance(error, BackendUnavailable | InvalidSettings | RunInterrupted)
