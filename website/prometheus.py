"""A real Prometheus that watches services on this machine, and its HTTP API."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.servers import free_port, wait_for

PROMETHEUS = Path(__file__).parents[1] / ".venv-deploy/prometheus/usr/bin/prometheus"
SCRAPE_S = 2
RATE_S = 4 * SCRAPE_S  # the least that Grafana uses for $__rate_interval


@dataclass
class Job:
    """What Prometheus scrapes: an address HOST:PORT, the path of its metrics, and its own name."""

    address: str
    path: str
    instance: str


@dataclass
class Series:
    """One line of a graph: its labels, the times in s, and the values."""

    labels: dict[str, str]
    times: list[float]
    values: list[float]


@dataclass
class Prometheus:
    """Queries over the HTTP API."""

    client: httpx2.Client

    def label_values(self, label: str, metric: str) -> list[str]:
        return list(self._get(f"label/{label}/values", {"match[]": metric}))

    def query(self, expression: str, start: float, end: float) -> list[Series]:
        """Ask for an expression's values at every scrape from `start` to `end`."""
        period = {"start": start, "end": end, "step": SCRAPE_S}
        result = self._get("query_range", {"query": expression, **period})["result"]
        return [_series(found["metric"], found["values"]) for found in result]

    def _get(self, path: str, parameters: Mapping[str, Any]) -> Any:
        answer = self.client.get(f"/api/v1/{path}", params=parameters)
        answer.raise_for_status()
        return answer.json()["data"]


def _series(labels: dict[str, str], samples: list[tuple[float, str]]) -> Series:
    return Series(labels, [at for at, _ in samples], [float(value) for _, value in samples])


@contextmanager
def watching(jobs: Mapping[str, Job]) -> Iterator[Prometheus]:
    """Run Prometheus until the block ends; each job has the name that `deploy/` gives it."""
    assert PROMETHEUS.exists(), "Prometheus is missing; scripts/check-deploy fetches it"
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "prometheus.json"  # JSON is YAML, too
        configuration.write_text(json.dumps(_configuration(jobs)), "utf-8")
        address = f"127.0.0.1:{free_port()}"
        options = [
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={address}",
            "--log.level=warn",
        ]
        process = subprocess.Popen([PROMETHEUS, *options], text=True)
        try:
            with httpx2.Client(base_url=f"http://{address}", timeout=60) as client:
                wait_for(client, "/-/ready", process)
                yield Prometheus(client)
        finally:
            process.terminate()
            process.wait()


def _configuration(jobs: Mapping[str, Job]) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": f"{SCRAPE_S}s", "scrape_timeout": f"{SCRAPE_S}s"},
        "scrape_configs": [
            {
                "job_name": name,
                "metrics_path": job.path,
                "static_configs": [
                    {"targets": [job.address], "labels": {"instance": job.instance}}
                ],
            }
            for name, job in jobs.items()
        ],
    }
