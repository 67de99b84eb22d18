"""TensorFlow sessions with the settings that suit the cascade."""

from __future__ import annotations

import os

import tensorflow as tf


def open_session(graph: tf.Graph) -> tf.compat.v1.Session:
    """Open a session on the processor, with a thread for each core it may use.

    The graph's loops run side by side on the inter-op threads; splitting single operations
    between cores as well costs more than it gives. The graph is made for processors, so graphics
    cards, and their memory, are left to others.
    """
    tf1 = tf.compat.v1
    config = tf1.ConfigProto(
        intra_op_parallelism_threads=1,
        inter_op_parallelism_threads=available_cores(),
        use_per_session_threads=True,
        device_count={"GPU": 0},
    )
    return tf1.Session(graph=graph, config=config)


def available_cores() -> int:
    """The cores this process may use, by its affinity; quotas of time are not looked at."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
