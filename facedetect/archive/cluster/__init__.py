"""annotate-folder on many machines: `RayEngine`.

The command's process (`engine`) starts another one (`driver`) that is part of the Ray cluster; it
has a feed of items and a pool of workers there (`pool`). `messages` is what they tell each other.
"""

from facedetect.archive.cluster.engine import RayEngine
from facedetect.archive.cluster.messages import Job

__all__ = ["Job", "RayEngine"]
