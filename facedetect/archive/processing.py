"""What to do with each file of a folder, and the outcome."""

from __future__ import annotations

import errno
import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Literal, TypedDict

from facedetect.archive.plan import SourceFile
from facedetect.archive.reports import Row
from facedetect.crops import CropStyle
from facedetect.detection_params import DetectionParams
from facedetect.errors import BackendUnavailable, InvalidSettings
from facedetect.hiding import DEFAULT_MASK, Mask, check_mask
from facedetect.images import Metadata
from facedetect.model_ref import ModelRef
from facedetect.styles import DisplayStyle

VideoStage = Literal["finding faces", "writing"]

_OUTAGES = (ConnectionError, TimeoutError)
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}

# Increase it when equal options produce different bytes than before, to process files again.
_RESULTS_VERSION = 2


@dataclass(frozen=True)
class ProcessingOptions:
    """What to do with each file.

    `style` is how pictures show faces, "none" writes no pictures; `mask` covers hidden faces;
    `metadata` is what pictures and videos keep of their source's metadata; `thumbnails` are for the
    contact sheet; every `stride`-th frame of a video is searched for faces.
    """

    params: DetectionParams = field(default_factory=DetectionParams)
    style: DisplayStyle = "box"
    mask: Mask = DEFAULT_MASK
    metadata: Metadata = "keep"
    crops: CropStyle | None = None
    thumbnails: bool = False
    stride: int = 1

    def __post_init__(self) -> None:
        check_mask(self.style, self.mask)

    def fingerprint(self, model: ModelRef) -> str:
        """Return everything that results depend on, except the sources."""
        values = [_RESULTS_VERSION, asdict(self), asdict(model)]
        return json.dumps(values, sort_keys=True, default=_digest)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class FileOptions(TypedDict, total=False):
    """How to annotate files; every option may be omitted.

    `params`: how to find faces. `style`: how to show them, "box" by default; "blur", "pixelate",
    "solid" and "image" hide them. `mask`: the shape, margin and image that cover hidden faces.
    `metadata`: what results keep of their source's: "keep" (EXIF and colour profile), "colour" (the
    profile; the default if faces are hidden), "strip". `stride`: search every n-th video frame.
    """

    params: DetectionParams
    style: DisplayStyle
    mask: Mask
    metadata: Metadata | None
    stride: int


def processing_options(
    options: FileOptions, *, crops: CropStyle | None = None, thumbnails: bool = False
) -> ProcessingOptions:
    """Fill in the defaults; raises InvalidSettings."""
    style = options.get("style", "box")
    hides = style not in {"box", "none"}
    return ProcessingOptions(
        params=options.get("params") or DetectionParams(),
        style=style,
        mask=options.get("mask", DEFAULT_MASK),
        metadata=options.get("metadata") or ("colour" if hides else "keep"),
        crops=crops,
        thumbnails=thumbnails,
        stride=options.get("stride", 1),
    )


@dataclass(frozen=True)
class FileResult:
    """The outcome of a file: its report row, and the sizes of the files written, bytes."""

    file: SourceFile
    row: Row
    outputs: dict[str, int]


@dataclass(frozen=True)
class FrameProgress:
    """The progress of a pass over a video: `done` of about `total` frames, by its header.

    A video is read twice: faces are detected first, then frames are written.
    """

    file: SourceFile
    stage: VideoStage
    done: int
    total: int | None


class RunInterrupted(Exception):
    """The run is stopping: a file was not started, or was abandoned."""


def is_fatal(error: Exception) -> bool:
    """Return whether the next file would fail for the same reason.

    This is so if the model or a storage cannot be reached, the disk is full, a setting is invalid,
    or the run is stopping.
    """
    if isinstance(error, OSError):
        return error.errno in _DISK_FULL or isinstance(error, _OUTAGES)
    return isinstance(error, BackendUnavailable | InvalidSettings | RunInterrupted)
