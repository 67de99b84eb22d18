"""Turning frames upright, as the file's display matrix says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from facedetect.images import BGRImage
from facedetect.video.pixel_conversion import PixelConverter
from facedetect.video.pyav import import_av

if TYPE_CHECKING:
    from av import VideoFrame

DisplayMatrix = NDArray[np.int32]
"""FFmpeg's [3, 3] for row vectors: (x', y') = (x, y) times its first two rows."""


class UprightConverter:
    """Converts decoded frames to upright BGR images, all of the first one's size.

    Video calls in a browser change their size with the bandwidth: later frames are scaled.
    """

    def __init__(self) -> None:
        self._converter = PixelConverter()
        self._size_wh: tuple[int, int] | None = None

    def to_bgr(self, frame: VideoFrame) -> BGRImage:
        """Convert one frame."""
        image = _apply(read_display_matrix(frame), self._converter.to_bgr(frame))
        size_wh = image.shape[1], image.shape[0]
        self._size_wh = self._size_wh or size_wh
        if size_wh != self._size_wh:
            return np.asarray(cv2.resize(image, self._size_wh), np.uint8)
        return image


def read_display_matrix(frame: VideoFrame) -> DisplayMatrix | None:
    """Return how the frame must be turned for display; None if it does not say."""
    # `frame.side_data` would keep the frame until garbage collection, since each refers to the
    # other. Decoders reuse the memory of freed frames without clearing it, and HEVC's shows it
    # where data is damaged: what is in a frame would depend on when garbage is collected.
    side_data = import_av().sidedata.sidedata.SideDataContainer(frame)
    data = side_data.get("DISPLAYMATRIX")
    return None if data is None else np.frombuffer(bytes(data), np.int32).reshape(3, 3)


def swaps_sides(matrix: DisplayMatrix | None) -> bool:
    """Tell whether the upright frame's width is the stored one's height."""
    return matrix is not None and bool(abs(matrix[0, 1]) > abs(matrix[0, 0]))


def _apply(matrix: DisplayMatrix | None, image: BGRImage) -> BGRImage:
    """Rotate by the nearest multiple of 90 degrees, mirrored if the matrix does."""
    if matrix is None:
        return image
    if swaps_sides(matrix):
        image = image.transpose(1, 0, 2)
        x_scale, y_scale = matrix[1, 0], matrix[0, 1]
    else:
        x_scale, y_scale = matrix[0, 0], matrix[1, 1]
    rows = slice(None, None, -1 if y_scale < 0 else 1)
    columns = slice(None, None, -1 if x_scale < 0 else 1)
    return np.ascontiguousarray(image[rows, columns])
