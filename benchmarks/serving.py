"""What the way over TensorFlow Serving costs: scripts/bench serving.

In process, through every form of the wire, and through the whole gateway, in turns on the same
picture. TensorFlow Serving's binary is used where it is on PATH, `facedetect model-server` else.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

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
from facedetect.tfserving import serving_messages
from facedetect.tfserving.api import Arrays
from facedetect.tfserving.grpc_client import GrpcClient

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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--output", type=Path, default=Path("docs/benchmark-serving.md"))
    arguments = parser.parse_args()
    keep_freed_buffers()  # as the gateway does
    images = pictures()
    lines = [_HEAD.format(server="TensorFlow Serving" if TENSORFLOW_SERVING else "model-server")]
    with ExitStack() as stack:
        contestants = _open(stack)
        for name in _CASES:
            rows = _measure(contestants, images[name], arguments.rounds)
            lines += _report(name, rows)
    arguments.output.write_text("\n".join(lines) + "\n", "utf-8")


@contextmanager
def _server() -> Iterator[Server]:
    if TENSORFLOW_SERVING:
        with tensorflow_serving(builtin_model()) as server:
            yield server
    else:
        with model_server() as server:
            yield server


@dataclass(frozen=True)
class _Contestants:
    """Everything that a picture can be sent to."""

    embedded: Detector
    grpc: GrpcClient
    rest: Detector
    service: Gateway


def _open(stack: ExitStack) -> _Contestants:
    server = stack.enter_context(_server())
    client = stack.enter_context(closing(GrpcClient(f"127.0.0.1:{server.port}")))
    over_rest = stack.enter_context(Detector(server.rest_url))
    service = stack.enter_context(gateway("--backend", server.grpc_url))
    wait_for(service.client, "/readyz", service.process)
    return _Contestants(stack.enter_context(Detector()), client, over_rest, service)


def _measure(
    contestants: _Contestants, image: BGRImage, rounds: int
) -> dict[str, tuple[float, int]]:
    """Medians in ms, and the bytes that go to the server."""
    jpeg = encode_image(image, ".jpg")
    embedded, client = contestants.embedded, contestants.grpc
    sent: dict[str, tuple[str, Arrays]] = {
        "gRPC, float32": ("serving_default", {"input": image.astype(np.float32)}),
        "gRPC, uint8": ("serving_uint8", {"input": image}),
        "gRPC, the JPEG": ("serving_bytes", {"image_bytes": np.array(jpeg, object)}),
    }
    ways: dict[str, Way] = {
        "in process, from pixels": lambda: embedded.detect(image),
        "in process, from the JPEG": lambda: embedded.detect(jpeg),
        **{name: _predict(client, *what) for name, what in sent.items()},
        "REST, as PNG": lambda: contestants.rest.detect(image),
        "POST /detect through the gateway": lambda: _post(contestants.service.client, jpeg),
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
    everything = {**inputs, **_PARAMETERS}
    return lambda: client.predict(_MODEL, everything, timeout_s=_TIMEOUT_S, signature=signature)


def _request_size(signature: str, inputs: Arrays) -> int:
    everything = {**inputs, **_PARAMETERS}
    return serving_messages.predict_request(_MODEL, everything, signature, ()).ByteSize()


def _post(client: Any, jpeg: bytes) -> None:
    client.post("/detect", files={"image": jpeg}).raise_for_status()


def _report(name: str, rows: dict[str, tuple[float, int]]) -> list[str]:
    pixels, file = (rows[f"in process, from {what}"][0] for what in ("pixels", "the JPEG"))
    table = Table("way", "ms", "of in process", "bytes sent", title=name)
    lines = ["", f"## {name}", "", "| way | ms | of in process | bytes sent |", "| --- " * 4 + "|"]
    for way, (took, size) in rows.items():
        base = file if "JPEG" in way or "POST" in way else pixels
        cells = [way, f"{took:.1f}", f"{took / base:.2f}x", f"{size:,}" if size else ""]
        table.add_row(*cells)
        lines.append(f"| {' | '.join(cells)} |")
    Console().print(table)
    return lines


_HEAD = """# TensorFlow Serving: what the way costs

Made by `scripts/bench serving` on two cores, which client and server ({server}) share;
each way in turn, medians. Ways that begin with a JPEG are compared with decoding and detecting in
process, those that begin with pixels with detecting alone. Absolute times are this machine's; look
at the ratios."""


if __name__ == "__main__":
    main()
