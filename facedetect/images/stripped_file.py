"""What is left of an image file without the parts that its pixels do not need."""

from __future__ import annotations

import io
from array import array

from facedetect.errors import InvalidImage


class StrippedFile:
    """An image file without metadata, further frames and whatever follows its end.

    What Pillow never sees can neither fail nor cost anything. The parts that are kept are held as
    positions in the original bytes, since a copy would double what a waiting upload takes; so is
    the EXIF data that was cut out, `exif_spans`.
    """

    def __init__(self, data: bytes) -> None:
        self.exif_spans: list[tuple[int, int]] = []
        self._data = data
        self._bounds = array("Q")  # start, end, start, end, ...; files may have 100,000s of parts

    @classmethod
    def whole(cls, data: bytes) -> StrippedFile:
        """The file as it is."""
        stripped = cls(data)
        stripped.keep(0, len(data))
        return stripped

    def keep(self, start: int, end: int) -> None:
        """Append the original's bytes from `start` to `end`."""
        if self._bounds and self._bounds[-1] == start:
            self._bounds[-1] = end
        else:
            self._bounds.extend((start, end))

    def exif(self) -> bytes:
        """Return the EXIF data that was cut out; empty if there was none."""
        return b"".join(self._data[start:end] for start, end in self.exif_spans)

    def open(self) -> io.BytesIO:
        """Return what was kept as a file; no bytes are copied if that is the whole original."""
        bounds = iter(self._bounds)
        parts = (self._data[start:end] for start, end in zip(bounds, bounds, strict=True))
        return io.BytesIO(b"".join(parts))


def truncated_error() -> InvalidImage:
    """The error for a file whose end is missing."""
    return InvalidImage("the image file is truncated; send the original, complete file")
