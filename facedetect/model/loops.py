"""Parallel loops in the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

_PARALLEL_CHUNKS = 8


def concat_rows(
    count: tf.Tensor, make_rows: Callable[[tf.Tensor], tf.Tensor], columns: int, *, parallel: int
) -> tf.Tensor:
    """Concatenate make_rows(i), float32 [any, columns], for i in 0..count-1, in that order.

    Up to `parallel` iterations run concurrently on the inter-op threads.
    """
    rows = tf.TensorArray(
        tf.float32, size=count, infer_shape=False, element_shape=tf.TensorShape([None, columns])
    )
    _, rows = tf.compat.v1.while_loop(
        lambda i, _: i < count,
        lambda i, array: (i + 1, array.write(i, make_rows(i))),
        (tf.constant(0), rows),
        parallel_iterations=parallel,
        back_prop=False,
    )
    return tf.reshape(rows.concat(), [-1, columns])


def map_chunks(
    run: Callable[[tf.Tensor], tf.Tensor], rows: tf.Tensor, chunk: int, columns: int
) -> tf.Tensor:
    """Run on parts of about `chunk` rows; concatenate the results, each [part's rows, columns]."""
    count = tf.shape(rows)[0]
    chunks = -(-count // chunk)
    size = -(-count // tf.maximum(chunks, 1))
    return concat_rows(
        chunks,
        lambda index: run(rows[index * size : (index + 1) * size]),
        columns,
        parallel=_PARALLEL_CHUNKS,
    )


@contextmanager
def in_graph_control_flow() -> Iterator[None]:
    """Build loops as plain nodes (Enter, Exit, ...) instead of functions.

    Function names contain a process-wide counter, so two builds would differ.
    """
    tf1 = tf.compat.v1
    was_enabled = tf1.control_flow_v2_enabled()
    tf1.disable_control_flow_v2()
    try:
        yield
    finally:
        if was_enabled:
            tf1.enable_control_flow_v2()
