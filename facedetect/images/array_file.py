"""Image files in layouts that Pillow does not support; their pixels are assembled here."""

from __future__ import annotations

import io
from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess


class ArrayFile(ImageFile):
    """A Pillow image that reads its own pixels when they are first needed.

    `_open` sets mode and size, as in every plugin.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        super().__init__(io.BytesIO())

    @abstractmethod
    def read_pixels(self) -> NDArray[np.uint8]:
        """Decode the pixels: [height, width, channels], or [height, width] for greyscale."""

    def load(self) -> PixelAccess | None:
        """Decode the pixels unless they are already decoded."""
        if self._im is None:
            pixels = np.ascontiguousarray(self.read_pixels())
            self.im = Image.frombytes(self.mode, self.size, pixels.data).im
        return Image.Image.load(self)
