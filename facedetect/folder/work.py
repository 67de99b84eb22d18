"""What is asked for of each file of a folder, and what became of it."""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from facedetect.crops import CropStyle
from facedetect.errors import (
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ImageError,
    InvalidParams,
    InvalidSettings,
)
from facedetect.faces import DetectionParams
from facedetect.folder.pictures import Metadata
from facedetect.folder.plan import Item
from facedetect.folder.reports import Row
from facedetect.model_ref import ModelRef

Shown = Literal["box", "blur", "pixelate", "solid", "none"]
"""How faces are shown in the results (see `render.Style`); none writes no pictures."""

# What may be wrong with one image; after anything else the next image would fail as well.
OF_ONE_IMAGE = (ImageError, InvalidParams, BackendTimeout, BackendProtocolError)
_OUTAGES = (ConnectionError, TimeoutError)
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}

# Changes when the same work would give other bytes than before, so that it is done again.
_RESULTS = 1


@dataclass(frozen=True)
class Work:
    """What is asked for.

    `style` is how the faces are shown on the pictures, "none" writes none; `metadata` what
    pictures and videos keep of their source's; `thumbnails` are for the contact sheet; of a video
    every `stride`-th frame is looked at.
    """

    params: DetectionParams = field(default_factory=DetectionParams)
    style: Shown = "box"
    metadata: Metadata = "keep"
    crops: CropStyle | None = None
    thumbnails: bool = False
    stride: int = 1

    def fingerprint(self, model: ModelRef) -> str:
        """All that decides what the results are, apart from the sources."""
        return json.dumps([_RESULTS, asdict(self), asdict(model)], sort_keys=True)


@dataclass(frozen=True)
class Outcome:
    """What became of an item: its row of the report, and the sizes of the files written."""

    item: Item
    row: Row
    outputs: dict[str, int]


class Interrupted(Exception):
    """The run is to end: an item was not begun, or left half done."""


def ends_run(error: Exception) -> bool:
    """Whether the next file would fail as this one has.

    The model or a place is out of reach, there is no room for results, a setting is wrong, or the
    run is to end.
    """
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM or isinstance(error, _OUTAGES)
    return isinstance(error, BackendUnavailable | InvalidSettings | Interrupted)
