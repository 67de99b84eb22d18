"""What is left of a file when everything is taken out that its pixels do not need."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.errors import ImageTooLarge, InvalidImage
from facedetect.images.limits import ImageLimits

_FEW_PIECES = 1000
_MEAN_PIECE_BYTES = 64


@dataclass(frozen=True)
class Slim:
    """A file without metadata, further frames and what stands behind its end.

    What Pillow never sees can neither fail nor cost anything. `exif` is None where it was left in.
    """

    data: bytes
    exif: bytes | None = None


class Pieces:
    """Counts a file's chunks, blocks or segments: Python looks at each one, which takes time.

    Real files have far fewer than are allowed.
    """

    def __init__(self, data: bytes) -> None:
        self._left = _FEW_PIECES + len(data) // _MEAN_PIECE_BYTES

    def count(self) -> None:
        """Take note of one more; raises InvalidImage if there are too many."""
        self._left -= 1
        if self._left < 0:
            raise InvalidImage(
                "the image file is cut into too many tiny pieces; save it again as an ordinary one"
            )


def ends_too_early() -> InvalidImage:
    """The error for a file whose end is missing."""
    return InvalidImage("the image file ends too early; send the original, complete file")


def check_frame_count(name: str, count: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge if a file of so many frames or pages is not taken."""
    if count > limits.max_frames:
        raise ImageTooLarge(
            f"the {name} file has more frames or pages than the {limits.max_frames} "
            "allowed; send one picture"
        )
