"""The metrics exported by the model server."""

from __future__ import annotations

import re

import grpc

from facedetect.model_server.serving_metrics import ServingMetrics
from tests.dashboard import expressions, names_in

ONLY_TENSORFLOW_SERVING = {
    ":tensorflow:serving:model_warmup_latency_sum",
    ":tensorflow:cc:saved_model:load_attempt_count",
}


def test_every_number_that_the_dashboard_asks_for_is_there() -> None:
    metrics = ServingMetrics()
    metrics.count_request("mtcnn", grpc.StatusCode.OK)
    metrics.add_request_latency("mtcnn", "REST", 0.1)
    metrics.add_runtime_latency("mtcnn", 0.1)
    exported = set(re.findall(r"^(:[\w:]+)\{", metrics.text(), re.MULTILINE))
    asked = {name for expression in expressions() for name in names_in(expression)}
    asked_here = {name for name in asked if name.startswith(":")}
    assert asked_here
    assert asked_here <= exported | ONLY_TENSORFLOW_SERVING
