"""annotate-folder on a Ray cluster: `RayEngine`.

The command (`ray_engine`) starts a process that joins the cluster (`ray_driver`) and distributes
files to actors there (`actor_pool`).
"""

from facedetect.archive.cluster.cluster_job import ClusterJob
from facedetect.archive.cluster.ray_engine import RayEngine

__all__ = ["ClusterJob", "RayEngine"]
