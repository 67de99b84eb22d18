"""Read and write videos, and track faces through them.

PyAV, from the extra `video`, is imported when the first video is opened.
"""

from facedetect.video.frame_detection import FrameDetectionPool, FrameDetections
from facedetect.video.tracking import Observation, Track, Tracker, TrackingResult
from facedetect.video.video import (
    Frame,
    FrameWriter,
    LocalVideo,
    Video,
    VideoFacts,
    open_local_video,
)
from facedetect.video.video_reader import (
    DecodedFrame,
    FrameSize,
    VideoReader,
    open_source,
    open_video_reader,
    read_video,
)
from facedetect.video.video_writer import CONTAINERS, VideoWriter, open_video_writer

__all__ = [
    "CONTAINERS",
    "DecodedFrame",
    "Frame",
    "FrameDetectionPool",
    "FrameDetections",
    "FrameSize",
    "FrameWriter",
    "LocalVideo",
    "Observation",
    "Track",
    "Tracker",
    "TrackingResult",
    "Video",
    "VideoFacts",
    "VideoReader",
    "VideoWriter",
    "open_local_video",
    "open_source",
    "open_video_reader",
    "open_video_writer",
    "read_video",
]
