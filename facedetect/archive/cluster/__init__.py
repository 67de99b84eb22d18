"""annotate-folder on a Ray cluster.

The command (`ray_executor`) starts a process that joins the cluster (`ray_driver`) and distributes
files to actors there (`actor_pool`).
"""
