"""Compare the engine and the graph with the CPU's limit: scripts/bench limit.

The limit is the time that only the convolutions and matrix products would take at the machine's
measured peak float32 FLOPS. The engine can be below it: it looks in integers first, and Winograd's
algorithm multiplies less often.
Prints how far each case is from the limit, and a profile of the graph by op.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.arguments import add_choices, bench_parser
from benchmarks.pictures import NAMES, pictures
from facedetect import DetectionParams
from facedetect.engine.engine import Engine
from facedetect.images import BGRImage
from facedetect.model import tensorflow as tf
from facedetect.model.freeze import freeze
from facedetect.model.graph_files import import_graph, read_frozen_graph
from facedetect.model.session import Threads, open_session
from facedetect.mtcnn.geometry import ACCURATE
from facedetect.mtcnn.weights import load_weights

# Multiply-accumulates per pixel of the pyramid, and per candidate, from the layers' shapes.
_PNET_MACS = 1830
_RNET_MACS = 1_530_000
_ONET_MACS = 12_900_000

_MIN_SIZES = (20, 40)
_MATRIX_SIDE = 1024
_MATRICES = 16
_SHOWN_OPERATIONS = 14
_OUTPUTS = ["box:0", "prob:0", "landmarks:0"]


def main() -> None:
    parser = bench_parser("limit", __doc__)
    parser.add_argument("--rounds", type=int, default=15, help="calls of each case")
    parser.add_argument("--threads", type=int, default=2, help="of the engine and the graph")
    add_choices(parser, "--pictures", NAMES, "pictures to detect faces in", nargs="+")
    arguments = parser.parse_args()
    images = pictures()
    threads = Threads(intra_op=1, inter_op=arguments.threads)
    session = open_our_graph(threads)
    engine = Engine(load_weights(), ACCURATE, threads=arguments.threads)
    table = Table("picture, min_size", "GFLOP", "limit ms", "graph / limit", "engine / limit")
    for name in arguments.pictures:
        image = images[name]
        for min_size in _MIN_SIZES:
            # Measure the peak next to each case: background load slows both equally.
            flops = flops_of(session, image, min_size)
            limit_ms = flops / peak_flops(threads) * 1000
            graph_ms, engine_ms = medians_ms(
                lambda: session.run(_OUTPUTS, feeds(image, min_size)),  # noqa: B023 - runs here
                lambda: engine.detect(image, DetectionParams(min_size)),  # noqa: B023
                rounds=arguments.rounds,
            )
            table.add_row(
                f"{name}, {min_size}",
                f"{flops / 1e9:.2f}",
                f"{limit_ms:.1f}",
                f"{graph_ms / limit_ms:.2f}",
                f"{engine_ms / limit_ms:.2f}",
            )
    console = Console()
    console.print(table)
    console.print(profile(session, images["group 1280x886"], 20))


def open_our_graph(threads: Threads) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mtcnn.pb"
        freeze(path)
        return open_session(import_graph(read_frozen_graph(path), path), threads)


def feeds(image: BGRImage, min_size: int) -> dict[str, Any]:
    params = DetectionParams(min_size=min_size)
    return {
        "input:0": image.astype(np.float32),
        "min_size:0": min_size,
        "thresholds:0": params.thresholds,
        "factor:0": params.factor,
    }


def peak_flops(threads: Threads) -> float:
    """Return the FLOPS of large matrix products on all threads at once."""
    with tf.Graph().as_default() as graph:
        matrix = tf.compat.v1.placeholder(tf.float32, [_MATRIX_SIDE, _MATRIX_SIDE])
        products = [tf.matmul(matrix, matrix + float(n)) for n in range(_MATRICES)]
        done = tf.add_n(
            [product[0, 0] for product in products]
        )  # TensorFlow would skip unused products
    with open_session(graph, threads) as session:
        value = {matrix: np.ones((_MATRIX_SIDE, _MATRIX_SIDE), np.float32)}
        times = []
        for _ in range(6):
            started = time.perf_counter()
            session.run(done, value)
            times.append(time.perf_counter() - started)
    return 2 * _MATRIX_SIDE**3 * _MATRICES / min(times)


def flops_of(session: Any, image: BGRImage, min_size: int) -> float:
    params = DetectionParams(min_size=min_size)
    candidates = ["pnet/candidates:0", "rnet/candidates:0"]
    for_rnet, for_onet = session.run(candidates, feeds(image, min_size))
    height, width = image.shape[:2]
    pixels, scale = 0, 12 / min_size
    while min(height, width) * scale > 12:  # noqa: PLR2004 - P-Net's window
        pixels += int(height * scale) * int(width * scale)
        scale *= params.factor
    macs = pixels * _PNET_MACS + len(for_rnet) * _RNET_MACS + len(for_onet) * _ONET_MACS
    return 2.0 * macs


def timed_ms(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def medians_ms(*calls: Callable[[], object], rounds: int) -> list[float]:
    """Return the median of each call, run in turn."""
    rows = [[timed_ms(call) for call in calls] for _ in range(rounds)]
    return [median(times) for times in zip(*rows, strict=True)]


def profile(session: Any, image: BGRImage, min_size: int, runs: int = 5) -> Table:
    """Return the time by net and op, summed over threads, including tracing overhead."""
    nanoseconds: Counter[tuple[str, str]] = Counter()
    for _ in range(runs):
        metadata = tf.compat.v1.RunMetadata()
        options = tf.compat.v1.RunOptions(trace_level=tf.compat.v1.RunOptions.FULL_TRACE)
        session.run(_OUTPUTS, feeds(image, min_size), options=options, run_metadata=metadata)
        for device in metadata.step_stats.dev_stats:
            for node in device.node_stats:
                label = re.search(r"= (\w+)\(", node.timeline_label)
                key = node.node_name.split("/")[0], label[1] if label else "other"
                nanoseconds[key] += node.op_end_rel_nanos - node.op_start_rel_nanos
    total = nanoseconds.total()
    table = Table(
        "net", "operation", "ms", "%", title=f"{image.shape[1]}x{image.shape[0]}, {min_size}"
    )
    for (net, operation), spent in nanoseconds.most_common(_SHOWN_OPERATIONS):
        table.add_row(net, operation, f"{spent / runs / 1e6:.2f}", f"{100 * spent / total:.1f}")
    return table


if __name__ == "__main__":
    main()
