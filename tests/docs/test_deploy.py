"""The files in deploy/ match the service."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

import facedetect
from facedetect.settings import ServiceSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "facedetect"
SETTINGS = {f"FACEDETECT_{name.upper()}" for name in ServiceSettings.model_fields}


def test_the_chart_sets_settings_that_there_are() -> None:
    files = [CHART / "values.yaml", CHART / "templates" / "deployment.yaml"]
    named = {
        name for file in files for name in re.findall(r"FACEDETECT_[A-Z_]+\b", file.read_text())
    }
    assert len(named) > 5
    assert named <= SETTINGS


def test_compose_behind_caddy_sets_settings_that_there_are() -> None:
    services = yaml.safe_load((DEPLOY / "compose.tls.yaml").read_text())["services"]
    assert set(services["facedetect"]["environment"]) <= SETTINGS


def test_caddy_has_the_address_that_the_service_trusts() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.tls.yaml").read_text())
    (network,) = compose["networks"]["inside"]["ipam"]["config"]
    service = compose["services"]["facedetect"]
    assert service["environment"]["FACEDETECT_TRUSTED_PROXIES"] == network["subnet"]
    assert service["networks"] == ["inside"]
    assert "reverse_proxy facedetect:8000" in (DEPLOY / "caddy" / "Caddyfile").read_text()


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == facedetect.__version__
