"""Shared parts of the metrics and log tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

LogLines = Callable[[], list[dict[str, Any]]]
Samples = dict[str, dict[frozenset[tuple[str, str]], float]]


def samples_of(client: TestClient) -> Samples:
    """All numbers of GET /metrics: by name, then by labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    samples: Samples = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return samples


def number(client: TestClient, name: str, **labels: str) -> float:
    """Return one value of GET /metrics; 0 if it does not exist yet."""
    return samples_of(client).get(name, {}).get(frozenset(labels.items()), 0)


def parse_lines(text: str) -> list[dict[str, Any]]:
    """Parse a JSON log; fail if any line is not JSON."""
    return [json.loads(line) for line in text.splitlines()]
