"""The dashboard and the alerts query existing metrics, and cover all of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient

from tests.conftest import DATA
from tests.dashboard import DASHBOARD, DEPLOY, PANELS, RULES, expressions, names_in
from tests.unit.monitoring import samples_of
from tests.unit.service import PHOTO

COLUMNS = 24


@pytest.fixture
def exported(client: TestClient) -> set[str]:
    """Return the metric names of a service that has been used."""
    client.post("/detect", files={"image": PHOTO})
    client.get("/metrics")
    return set(samples_of(client))


def test_names_are_found_in_expressions() -> None:
    expression = (
        'histogram_quantile(0.9, sum by (le, x) (rate(a_bucket{b=~"c d"}[$__rate_interval])))'
        " / clamp_min(:d:e, 1e6) and on (job, instance) f > 1.8 * 2^30 or vector(0)"
    )
    assert names_in(expression) == {"a_bucket", ":d:e", "f"}


def test_every_number_asked_for_is_there(exported: set[str]) -> None:
    """Except for the model server's, whose names start with a colon."""
    asked = {name for expression in expressions() for name in names_in(expression)}
    assert len(asked) > 20
    assert {name for name in asked if not name.startswith(":")} <= exported | {"up"}


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


def test_alerts_are_tried() -> None:
    """promtool runs them in scripts/check-deploy: each alert fires once, and none without cause."""
    tests = yaml.safe_load((DATA / "alerts_test.yaml").read_text("utf-8"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in RULES}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in tests[0]["alert_rule_test"]} == names


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
    (notified,) = settings["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert notified.partition(":")[0] in compose
    for name, job in jobs.items():
        assert job["dns_sd_configs"][0]["names"] == [name]
        assert set(compose[name]["networks"]) & set(compose["prometheus"]["networks"])
