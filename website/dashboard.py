"""The gallery's picture of the dashboard: `python -m website.dashboard`.

Asks a real Prometheus every query of deploy/grafana/dashboards/facedetect.json while a service and
a model server are under load, and draws the panels where Grafana shows them. Takes three minutes.
"""

from __future__ import annotations

import itertools
import math
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from benchmarks.servers import Server, gateway, model_server, wait_for
from tests.conftest import ASTRONAUT, GRACE_HOPPER
from tests.dashboard import DASHBOARD, PANELS
from website.dashboard_panels import Lines, draw_dashboard
from website.gallery import IMAGES
from website.prometheus import RATE_S, Job, Prometheus, watching

ROUTES = ("/detect", "/annotate?style=blur", "/detect?rotations=auto", "/misspelt")
SETTINGS = {"FACEDETECT_THREADS": "2", "FACEDETECT_MAX_QUEUED": "6"}
BUSY_CLIENTS = 16
CALM_S, BUSY_S, HUNG_S, LAST_S = 40, 40, 15, 40


@contextmanager
def clients(count: int, url: str) -> Iterator[None]:
    """Send photographs from `count` threads until the block ends."""
    stop = threading.Event()
    threads = [threading.Thread(target=send_photographs, args=(url, stop)) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def send_photographs(url: str, stop: threading.Event) -> None:
    photographs = [path.read_bytes() for path in (ASTRONAUT, GRACE_HOPPER)]
    requests = list(itertools.product(ROUTES, photographs))
    with httpx2.Client(base_url=url, timeout=60) as client:
        for route, photograph in itertools.cycle(requests):
            if stop.wait(0.1):
                return
            client.post(route, files={"image": photograph})


def load(url: str, server: Server) -> None:
    """One client; then more than the service can answer; then a model server that hangs."""
    time.sleep(CALM_S)
    with clients(BUSY_CLIENTS, url):
        time.sleep(BUSY_S)
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(HUNG_S)
    server.process.send_signal(signal.SIGCONT)
    time.sleep(LAST_S)


def variables(prometheus: Prometheus) -> dict[str, str]:
    """Return the dashboard's variables as Grafana sets them when "All" is selected."""
    values = {"__rate_interval": f"{RATE_S}s"}
    for variable in DASHBOARD["templating"]["list"]:
        metric, label = variable["query"]["query"].removeprefix("label_values(")[:-1].split(", ")
        offered = re.compile(variable.get("regex", "").strip("/").replace("\\/", "/"))
        found = [name for name in prometheus.label_values(label, metric) if offered.match(name)]
        every = f"({'|'.join(map(re.escape, found))})".replace("\\", "\\\\")
        values[variable["name"]] = variable.get("allValue", every)
    return values


def ask(prometheus: Prometheus, panel: dict[str, Any], start: float, end: float) -> Lines:
    """Return what a panel shows: its lines, by their names in the legend."""
    known = variables(prometheus)
    lines: Lines = []
    for target in panel.get("targets", []):
        expression = re.sub(r"\$(\w+)", lambda name: known[name[1]], target["expr"])
        for series in prometheus.query(expression, start, end):
            if not all(map(math.isnan, series.values)):
                lines.append((legend(target["legendFormat"], series.labels), series))
    return lines


def legend(template: str, labels: dict[str, str]) -> str:
    if not template:
        return ", ".join(labels.values())
    return re.sub(r"\{\{(\w+)\}\}", lambda label: labels.get(label[1], ""), template)


def watch() -> dict[int, Lines]:
    """Return what each panel shows at the end of the load, while one client still sends."""
    with (
        model_server() as server,
        gateway("--backend", server.grpc_url, env=SETTINGS) as service,
    ):
        wait_for(service.client, "/readyz", service.process)
        jobs = {
            "gateway": Job(service.url.removeprefix("http://"), "/metrics", "gateway:8000"),
            "model": Job(
                f"127.0.0.1:{server.rest_port}", "/monitoring/prometheus/metrics", "model:8501"
            ),
        }
        with watching(jobs) as prometheus, clients(1, service.url):
            start = time.time()
            load(service.url, server)
            return {panel["id"]: ask(prometheus, panel, start, time.time()) for panel in PANELS}


def main() -> None:
    shown = watch()
    draw_dashboard(IMAGES / "dashboard.svg", PANELS, shown)
    empty = [
        panel["title"] for panel in PANELS if panel["type"] != "row" and not shown[panel["id"]]
    ]
    print("Panels without data:", ", ".join(empty) or "none")


if __name__ == "__main__":
    main()
