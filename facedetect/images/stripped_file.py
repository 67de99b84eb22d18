"""What is left of an image file without the parts that its pixels do not need."""

from __future__ import annotations

import io
from array import array

from facedetect.errors import InvalidImage

NO_EXIF = slice(0, 0)
"""The span of EXIF data in a file without any."""


class StrippedFile:
    """An image file without metadata, further frames and whatever follows its end.

    What Pillow never sees can neither fail nor cost anything. The parts that are kept are held as
    positions in the original bytes, since a copy would double what a waiting upload takes.
    `exif_span` is where the EXIF data was cut out, None if it was left in.
    """

    def __init__(self, data: bytes, exif_span: slice | None = None) -> None:
        self.exif_span = exif_span
        self._data = data
        self._bounds = array("Q")  # start, end, start, end, ...; files may have 100,000s of parts

    @classmethod
    def whole(cls, data: bytes) -> StrippedFile:
        """The file as it is."""
        stripped = cls(data)
        stripped.keep(0, len(data))
        return stripped

    @property
    def exif(self) -> bytes | None:
        """The EXIF data that was cut out, empty if there was none; None if it was left in."""
        return None if self.exif_span is None else self._data[self.exif_span]

    def keep(self, start: int, end: int) -> None:
        """Append the original's bytes from `start` to `end`."""
        if self._bounds and self._bounds[-1] == start:
            self._bounds[-1] = end
        else:
            self._bounds.extend((start, end))

    def open(self) -> io.BytesIO:
        """Return what was kept as a file; no bytes are copied if that is the whole original."""
        bounds = iter(self._bounds)
        parts = (self._data[start:end] for start, end in zip(bounds, bounds, strict=True))
        return io.BytesIO(b"".join(parts))


def truncated_error() -> InvalidImage:
    """The error for a file whose end is missing."""
    return InvalidImage("the image file ends too early; send the original, complete file")
