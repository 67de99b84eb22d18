"""Frames as they are to be seen: in BGR, turned as the file says, without interlacing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from facedetect.images import BGRImage
from facedetect.video.pixels import PixelConverter
from facedetect.video.pyav import failures_as, import_av, unsupported_pictures

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph

Matrix = NDArray[np.int32]
"""[3, 3] of a file's display matrix, row vectors: (x', y') = (x, y) times its first two rows."""


class Uprighter:
    """Makes upright BGR images of frames, all of the first one's size.

    Calls in a browser change their size as the line does: later frames are scaled.
    """

    def __init__(self) -> None:
        self._converter = PixelConverter()
        self._size_wh: tuple[int, int] | None = None
        # PyAV's frames refer to themselves once their side data was asked for, and stay in memory
        # until Python looks for such circles: so that of few frames is.
        self._rotation: int | None = None
        self._matrix: Matrix | None = None

    def image_of(self, frame: VideoFrame) -> BGRImage:
        """Convert one frame."""
        if frame.rotation != self._rotation:
            self._rotation, self._matrix = frame.rotation, matrix_of(frame)
        image = turned(self._converter.to_bgr(frame), self._matrix)
        size_wh = image.shape[1], image.shape[0]
        self._size_wh = self._size_wh or size_wh
        if size_wh != self._size_wh:
            return np.asarray(cv2.resize(image, self._size_wh), np.uint8)
        return image


def matrix_of(frame: VideoFrame) -> Matrix | None:
    """How the frame is to be turned for showing, if it says so."""
    data = frame.side_data.get("DISPLAYMATRIX")
    return None if data is None else np.frombuffer(bytes(data), np.int32).reshape(3, 3)  # type: ignore[call-overload]


def is_on_its_side(matrix: Matrix | None) -> bool:
    """Whether width and height change places."""
    return matrix is not None and bool(abs(matrix[0, 1]) > abs(matrix[0, 0]))


def turned(image: BGRImage, matrix: Matrix | None) -> BGRImage:
    """Turn by the multiple of 90 degrees that is nearest, mirrored if the matrix does."""
    if matrix is None:
        return image
    if is_on_its_side(matrix):
        image = image.transpose(1, 0, 2)
        x_scale, y_scale = matrix[1, 0], matrix[0, 1]
    else:
        x_scale, y_scale = matrix[0, 0], matrix[1, 1]
    rows = slice(None, None, -1 if y_scale < 0 else 1)
    columns = slice(None, None, -1 if x_scale < 0 else 1)
    return np.ascontiguousarray(image[rows, columns])


class Deinterlacer:
    """Makes whole pictures of those that hold two moments in alternate lines.

    Others pass. As many frames come out as go in, one later.
    """

    def __init__(self) -> None:
        self._av = import_av()
        self._kind: tuple[int, int, str] | None = None
        self._graph: Graph | None = None

    def take(self, frame: VideoFrame) -> list[VideoFrame]:
        """Take a frame; returns those that are ready. Raises UnsupportedVideo."""
        with failures_as(lambda _: unsupported_pictures(frame.format.name)):
            return self._take(frame)

    def _take(self, frame: VideoFrame) -> list[VideoFrame]:
        kind = (frame.width, frame.height, frame.format.name)
        if self._graph is None and not frame.interlaced_frame:
            return [frame]
        ready = []
        if self._graph is None or kind != self._kind:
            ready = self.finish()
            self._kind, self._graph = kind, self._filter_for(frame)
        self._graph.vpush(frame)
        return ready + _pull(self._graph)

    def finish(self) -> list[VideoFrame]:
        """Return those that are left."""
        if self._graph is None:
            return []
        self._graph.vpush(None)
        return _pull(self._graph)

    def _filter_for(self, frame: VideoFrame) -> Graph:
        graph: Graph = self._av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base,
        )
        bwdif = graph.add("bwdif", "mode=send_frame:deint=interlaced")
        graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
        return graph


def _pull(graph: Graph) -> list[VideoFrame]:
    frames = []
    while True:
        try:
            frames.append(graph.vpull())
        except (BlockingIOError, EOFError):
            return frames
