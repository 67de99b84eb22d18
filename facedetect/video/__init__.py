"""Read and write videos, and track faces through them.

PyAV, from the extra `video`, is imported when the first video is opened.
"""

from facedetect.video.frame_detection import FrameDetectionPool, FrameDetections
from facedetect.video.tracking import Observation, Track, Tracker, TrackingResult
from facedetect.video.video_reader import (
    DecodedFrame,
    FrameSize,
    VideoReader,
    open_video_reader,
)
from facedetect.video.video_writer import CONTAINERS, VideoWriter, open_video_writer

__all__ = [
    "CONTAINERS",
    "DecodedFrame",
    "FrameDetectionPool",
    "FrameDetections",
    "FrameSize",
    "Observation",
    "Track",
    "Tracker",
    "TrackingResult",
    "VideoReader",
    "VideoWriter",
    "open_video_reader",
    "open_video_writer",
]
