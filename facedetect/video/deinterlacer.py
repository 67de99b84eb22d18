"""Deinterlacing frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedetect.errors import UnsupportedVideo
from facedetect.video.pyav import av_errors, ffmpeg_reason, import_av

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph


class Deinterlacer:
    """Makes progressive frames of interlaced ones; progressive ones pass.

    As many frames come out as go in. From the first interlaced frame on they come out one later.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._input_format: tuple[int, int, str] | None = None

    def process(self, frame: VideoFrame) -> list[VideoFrame]:
        """Take a frame and return those that are ready; raises UnsupportedVideo."""
        if self._graph is None and not frame.interlaced_frame:
            return [frame]
        ready = []
        try:
            input_format = (frame.width, frame.height, frame.format.name)
            if self._graph is None or input_format != self._input_format:
                ready = self.finish()
                self._graph, self._input_format = _build_graph(frame), input_format
            self._graph.vpush(frame)
            return ready + _pull(self._graph)
        except av_errors() as error:
            raise UnsupportedVideo(
                f"interlaced frames of {frame.width}x{frame.height} px in the pixel format "
                f"{frame.format.name} cannot be deinterlaced ({ffmpeg_reason(error)}); re-encode "
                "the video as H.264 without interlacing"
            ) from error

    def finish(self) -> list[VideoFrame]:
        """Return the frames that are left."""
        if self._graph is None:
            return []
        self._graph.vpush(None)
        return _pull(self._graph)


def _build_graph(frame: VideoFrame) -> Graph:
    graph: Graph = import_av().filter.Graph()
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
