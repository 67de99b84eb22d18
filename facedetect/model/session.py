"""TensorFlow sessions, configured for the cascade."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from facedetect.cores import available_cores


@dataclass(frozen=True)
class Threads:
    """TensorFlow's two thread pools: within an op, and between ops (None: one per core).

    The graph's loops run in parallel on the inter-op threads; also splitting single ops costs more
    than it gains. The intra-op pool is process-wide: the first session sets its size.
    """

    intra_op: int = 1
    inter_op: int | None = None


def open_session(graph: tf.Graph, threads: Threads | None = None) -> tf.compat.v1.Session:
    """Open a session on the CPU, without reserving GPU memory."""
    threads = threads or Threads()
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads.intra_op,
        inter_op_parallelism_threads=threads.inter_op or available_cores(),
        use_per_session_threads=True,
        device_count={"GPU": 0},
    )
    return tf.compat.v1.Session(graph=graph, config=config)
