"""Deinterlace frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from facedetect.errors import UnsupportedVideo
from facedetect.video.pyav import av_errors, ffmpeg_reason, import_av

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph


def deinterlace(frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
    """Deinterlace interlaced frames; pass progressive ones through.

    Yields as many frames as it gets, one frame late from the first interlaced frame on.
    Raises UnsupportedVideo.
    """
    graph: Graph | None = None
    graph_format = None
    for frame in frames:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        frame_format = frame.width, frame.height, frame.format.name
        try:
            if graph is not None and frame_format != graph_format:
                yield from _filter(graph, None)
                graph = None
            if graph is None:
                graph, graph_format = _build_graph(frame), frame_format
            yield from _filter(graph, frame)
        except MemoryError:
            raise
        except av_errors() as error:
            raise UnsupportedVideo(
                f"interlaced frames of {frame.width}x{frame.height} px in the pixel format "
                f"{frame.format.name} cannot be deinterlaced ({ffmpeg_reason(error)}); re-encode "
                "the video as H.264 without interlacing"
            ) from error
    if graph is not None:
        yield from _filter(graph, None)


def _build_graph(frame: VideoFrame) -> Graph:
    graph: Graph = import_av().filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    bwdif = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
    return graph


def _filter(graph: Graph, frame: VideoFrame | None) -> Iterator[VideoFrame]:
    """Push a frame, or None at the end, and yield the frames that are ready."""
    graph.vpush(frame)
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return
