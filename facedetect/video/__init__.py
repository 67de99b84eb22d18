"""Videos: reading and writing their files, and following faces through them.

PyAV comes with the extra `video` and is imported at the first video only.
"""

from facedetect.video.look import FramePool, Look, look_at_frames
from facedetect.video.read import Frame, Pictures, VideoReader, opened_video
from facedetect.video.tracking import Hit, Track, Tracker, Tracks
from facedetect.video.write import VideoWriter, container_of, written_video

__all__ = [
    "Frame",
    "FramePool",
    "Hit",
    "Look",
    "Pictures",
    "Track",
    "Tracker",
    "Tracks",
    "VideoReader",
    "VideoWriter",
    "container_of",
    "look_at_frames",
    "opened_video",
    "written_video",
]
