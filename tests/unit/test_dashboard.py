"""The dashboard and the alerts ask for numbers that there are, and show all of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from fastapi.testclient import TestClient

from facedetect.model_server.serving_metrics import ServingMetrics
from tests.unit.monitoring import samples_of
from tests.unit.service import PHOTO

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads(
    (DEPLOY / "grafana/dashboards/facedetect.json").read_text("utf-8")
)
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
COLUMNS = 24

# Prometheus' own, and the one of TensorFlow Serving's that the development server has not.
OTHERS = {"up", ":tensorflow:serving:model_warmup_latency_sum"}
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "bool"}


def expressions() -> Iterator[str]:
    for panel in PANELS:
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (rule["expr"] for rule in RULES)
    for variable in DASHBOARD["templating"]["list"]:
        yield variable["query"]["query"].removeprefix("label_values(").split(",")[0]


def names_in(expression: str) -> set[str]:
    """The metrics that an expression asks for: its names less functions, labels and words."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", expression)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left)\s*\([^)]*\)", "", bare)
    names = re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:]*\s*\()", bare)
    return set(names) - WORDS


@pytest.fixture
def exported(client: TestClient) -> set[str]:
    """The names that the service has once it has been used."""
    client.post("/detect", files={"image": PHOTO})
    client.get("/metrics")
    return set(samples_of(client))


def of_model_server() -> set[str]:
    metrics = ServingMetrics()
    metrics.count_request("mtcnn", grpc.StatusCode.OK)
    metrics.add_request_latency("mtcnn", "REST", 0.1)
    metrics.add_runtime_latency("mtcnn", 0.1)
    return set(re.findall(r"^(:[\w:]+)\{", metrics.text(), re.MULTILINE))


def test_names_are_found_in_expressions() -> None:
    expression = (
        'histogram_quantile(0.9, sum by (le, x) (rate(a_bucket{b=~"c d"}[$__rate_interval])))'
        " / clamp_min(:d:e, 1e6) and on (job, instance) f > 1.8 * 2^30 or vector(0)"
    )
    assert names_in(expression) == {"a_bucket", ":d:e", "f"}


def test_every_number_asked_for_is_there(exported: set[str]) -> None:
    known = exported | of_model_server() | OTHERS
    asked = {name for expression in expressions() for name in names_in(expression)}
    assert len(asked) > 20
    assert asked <= known


def test_every_number_of_the_service_is_shown(exported: set[str]) -> None:
    ours = {name for name in exported if name.startswith("facedetect_")}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in ours}
    shown = {
        name for panel in PANELS for t in panel.get("targets", []) for name in names_in(t["expr"])
    }
    assert families == {re.sub(r"_(bucket|sum|count)$", "", n) for n in shown if n in ours}


def test_brackets_of_expressions_match() -> None:
    for expression in expressions():
        for opening, closing in ("()", "{}", "[]"):
            assert expression.count(opening) == expression.count(closing), expression


def test_variables_of_expressions_are_defined() -> None:
    defined = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = {name for text in expressions() for name in re.findall(r"\$(\w+)", text)}
    assert used - {"__rate_interval"} == defined


def test_panels_are_whole_and_have_each_its_own_id() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "prometheus"
            assert panel["fieldConfig"]["defaults"]["unit"]
            refs = [target["refId"] for target in panel["targets"]]
            assert refs == list("ABC"[: len(refs)])
            assert refs


def test_panels_lie_side_by_side() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_alerts_say_what_is_wrong_and_how_grave_it_is() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES) >= 5
    for rule in RULES:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert re.fullmatch(r"\d+m", rule["for"])
        assert rule["annotations"]["summary"].endswith(".")


def test_alerts_are_documented() -> None:
    page = (DEPLOY.parent / "docs/monitoring.md").read_text("utf-8")
    assert not [rule["alert"] for rule in RULES if f"| `{rule['alert']}` |" not in page]


def test_every_number_is_documented(exported: set[str]) -> None:
    page = (DEPLOY.parent / "docs/monitoring.md").read_text("utf-8")
    ours = {name for name in exported if name.startswith("facedetect_")}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in ours}
    assert not [name for name in families if f"| `{name}`" not in page]


def test_prometheus_reads_the_rules_and_the_gateway() -> None:
    settings = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text("utf-8"))
    assert [Path(path).name for path in settings["rule_files"]] == ["alerts.yaml"]
    jobs = {job["job_name"]: job for job in settings["scrape_configs"]}
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    for name, job in jobs.items():
        assert job["dns_sd_configs"][0]["names"] == [name]
        assert set(compose[name]["networks"]) & set(compose["prometheus"]["networks"])
