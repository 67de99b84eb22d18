"""annotate-folder on a Ray cluster: `RayExecutor`.

The command (`ray_executor`) starts a process that joins the cluster (`ray_driver`) and distributes
files to actors there (`actor_pool`).
"""

from facedetect.archive.cluster.cluster_job import ClusterJob
from facedetect.archive.cluster.ray_executor import RayExecutor

__all__ = ["ClusterJob", "RayExecutor"]
