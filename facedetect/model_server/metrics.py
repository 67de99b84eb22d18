"""Counts and latencies in Prometheus' text format, under TensorFlow Serving's names."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

import grpc

# TensorFlow Serving's: microseconds, each bound 1.8 times the one before, up to 20 minutes.
_BOUNDS_US = [10 * 1.8**exponent for exponent in range(33)]

_REQUESTS = ":tensorflow:serving:request_count"
_REQUEST_LATENCY = ":tensorflow:serving:request_latency"
_RUNTIME_LATENCY = ":tensorflow:serving:runtime_latency"

Labels = tuple[tuple[str, str], ...]


class Histogram:
    """How many values fell below each bound, and their sum."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS_US) + 1)
        self._sum_us = 0.0

    def add(self, value_us: float) -> None:
        self._counts[bisect_left(_BOUNDS_US, value_us)] += 1
        self._sum_us += value_us

    def lines(self, name: str, labels: Labels) -> Iterator[str]:
        total = 0
        bounds = [f"{bound:g}" for bound in _BOUNDS_US]
        for bound, count in zip([*bounds, "+Inf"], self._counts, strict=True):
            total += count
            yield f"{name}_bucket{_braced((*labels, ('le', bound)))} {total}"
        yield f"{name}_sum{_braced(labels)} {self._sum_us:.0f}"
        yield f"{name}_count{_braced(labels)} {total}"


class Metrics:
    """What was asked and how long it took. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[Labels] = Counter()
        self._latencies: dict[str, dict[Labels, Histogram]] = {
            _REQUEST_LATENCY: {},
            _RUNTIME_LATENCY: {},
        }

    def count_request(self, model: str, code: grpc.StatusCode) -> None:
        with self._lock:
            self._requests[("model_name", model), ("status", code.name)] += 1

    def add_request_latency(self, model: str, entrypoint: str, took_s: float) -> None:
        """Record a call that succeeded; `entrypoint` is GRPC or REST."""
        api = "predict" if entrypoint == "REST" else "Predict"  # as TensorFlow Serving spells it
        labels = (("model_name", model), ("API", api), ("entrypoint", entrypoint))
        self._add(_REQUEST_LATENCY, labels, took_s)

    def add_runtime_latency(self, model: str, took_s: float) -> None:
        """Record the part of a call that TensorFlow took."""
        labels = (("model_name", model), ("API", "Predict"), ("runtime", "TF1"))
        self._add(_RUNTIME_LATENCY, labels, took_s)

    def text(self) -> str:
        """The page that Prometheus reads."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines())

    def _add(self, name: str, labels: Labels, took_s: float) -> None:
        with self._lock:
            self._latencies[name].setdefault(labels, Histogram()).add(took_s * 1e6)

    def _lines(self) -> Iterator[str]:
        yield f"# TYPE {_REQUESTS} counter"
        for labels, count in self._requests.items():
            yield f"{_REQUESTS}{_braced(labels)} {count}"
        for name, histograms in self._latencies.items():
            yield f"# TYPE {name} histogram"
            for labels, histogram in histograms.items():
                yield from histogram.lines(name, labels)


def _braced(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
