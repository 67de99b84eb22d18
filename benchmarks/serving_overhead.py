"""Measure the overhead of TensorFlow Serving over the in-process model.

scripts/bench serving-overhead

Processes the same picture in-process, through each protocol and input format, and through the whole
gateway, in turns. Uses `tensorflow_model_server` if it is on PATH, else `facedetect model-server`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.arguments import bench_parser
from benchmarks.pages import print_table, write_section
from benchmarks.pictures import pictures
from benchmarks.servers import (
    TENSORFLOW_SERVING,
    Gateway,
    Server,
    gateway,
    model_server,
    tensorflow_serving,
    wait_for,
)
from facedetect import DetectionParams, Detector
from facedetect.images import BGRImage, encode_image
from facedetect.memory import keep_freed_buffers
from facedetect.model.builtin import builtin_model
from facedetect.model_ref import ModelRef
from facedetect.tfserving.api import Arrays
from facedetect.tfserving.grpc_client import GrpcClient, make_predict_request

_CASES = ("group 640x480", "group 1280x886")
_MODEL = ModelRef("mtcnn")
_PARAMS = DetectionParams()
_PARAMETERS = {
    "min_size": np.array(_PARAMS.min_size, np.float32),
    "thresholds": np.array(_PARAMS.thresholds, np.float32),
    "factor": np.array(_PARAMS.factor, np.float32),
}
_TIMEOUT_S = 60.0
_PAUSE_S = 0.02

Way = Callable[[], object]


def main() -> None:
    parser = bench_parser("serving-overhead", __doc__, page="benchmark-serving.md")
    parser.add_argument("--rounds", type=int, default=40, help="calls of each kind")
    arguments = parser.parse_args()
    keep_freed_buffers()  # as the gateway does
    images = pictures()
    server = "tensorflow_model_server" if TENSORFLOW_SERVING else "facedetect model-server"
    parts = [f"Server: `{server}`."]
    with ExitStack() as stack:
        targets = _open(stack)
        for name in _CASES:
            rows = _measure(targets, images[name], arguments.rounds)
            parts.append(f"## {name}\n\n{_table(name, rows)}")
    write_section(arguments.page, "serving-overhead", "\n\n".join(parts))


@contextmanager
def _server() -> Iterator[Server]:
    if TENSORFLOW_SERVING:
        with tensorflow_serving(builtin_model()) as server:
            yield server
    else:
        with model_server() as server:
            yield server


@dataclass(frozen=True)
class _Targets:
    """Everything a picture can be sent to."""

    embedded: Detector
    grpc: GrpcClient
    rest: Detector
    service: Gateway


def _open(stack: ExitStack) -> _Targets:
    server = stack.enter_context(_server())
    client = stack.enter_context(closing(GrpcClient(f"127.0.0.1:{server.port}")))
    over_rest = stack.enter_context(Detector(server.rest_url))
    service = stack.enter_context(gateway("--backend", server.grpc_url))
    wait_for(service.client, "/readyz", service.process)
    return _Targets(stack.enter_context(Detector()), client, over_rest, service)


def _measure(targets: _Targets, image: BGRImage, rounds: int) -> dict[str, tuple[float, int]]:
    """Return the median, ms, and the bytes sent to the server, for each way."""
    jpeg = encode_image(image, ".jpg")
    embedded, client = targets.embedded, targets.grpc
    sent: dict[str, tuple[str, Arrays]] = {
        "gRPC, float32": ("serving_default", {"input": image.astype(np.float32)}),
        "gRPC, uint8": ("serving_uint8", {"input": image}),
        "gRPC, the JPEG": ("serving_batch", {"image_bytes": np.array([jpeg], object)}),
    }
    ways: dict[str, Way] = {
        "in process, from pixels": lambda: embedded.detect(image),
        "in process, from the JPEG": lambda: embedded.detect(jpeg),
        **{name: _predict(client, *what) for name, what in sent.items()},
        "REST, as PNG": lambda: targets.rest.detect(image),
        "POST /detect through the gateway": lambda: _post(targets.service.client, jpeg),
    }
    sizes = {name: _request_size(*what) for name, what in sent.items()}
    sizes["REST, as PNG"] = len(encode_image(image, ".png")) * 4 // 3
    sizes["POST /detect through the gateway"] = len(jpeg)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in track(range(rounds + 3), "Measuring", console=Console(stderr=True)):
        for name, way in ways.items():
            time.sleep(_PAUSE_S)
            started = time.perf_counter()
            way()
            if turn >= 3:  # noqa: PLR2004 - the first calls of a size are slower
                times[name].append((time.perf_counter() - started) * 1000)
    return {name: (median(values), sizes.get(name, 0)) for name, values in times.items()}


def _predict(client: GrpcClient, signature: str, inputs: Arrays) -> Way:
    everything = _with_parameters(inputs)
    return lambda: client.predict(_MODEL, everything, timeout_s=_TIMEOUT_S, signature=signature)


def _with_parameters(inputs: Arrays) -> Arrays:
    is_batch = "image_bytes" in inputs
    return {**inputs, **{n: v[np.newaxis] if is_batch else v for n, v in _PARAMETERS.items()}}


def _request_size(signature: str, inputs: Arrays) -> int:
    return make_predict_request(_MODEL, _with_parameters(inputs), signature, ()).ByteSize()


def _post(client: Any, jpeg: bytes) -> None:
    client.post("/detect", files={"image": jpeg}).raise_for_status()


def _table(name: str, rows: dict[str, tuple[float, int]]) -> str:
    """Compare ways that start from a JPEG with in-process decoding and detection."""
    pixels, file = (rows[f"in process, from {what}"][0] for what in ("pixels", "the JPEG"))
    table = [["way", "ms", "vs in process", "bytes sent"]]
    for way, (took, size) in rows.items():
        base = file if "JPEG" in way or "POST" in way else pixels
        table.append([way, f"{took:.1f}", f"{took / base:.2f}x", f"{size:,}" if size else ""])
    return print_table(table, name)


if __name__ == "__main__":
    main()
