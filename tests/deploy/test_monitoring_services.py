"""The services of docker-compose.yml that only start if they are named."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.deploy.manifests import ROOT, read_compose
from tests.deploy.queries import DASHBOARD, MONITORING

SERVICES = ["prometheus", "grafana"]
services = pytest.mark.parametrize("name", SERVICES)
all_services = pytest.mark.parametrize("name", [*SERVICES, "tensorboard"])


@all_services
def test_a_service_starts_only_if_it_is_named(name: str) -> None:
    profile = "tensorboard" if name == "tensorboard" else "monitoring"
    assert read_compose()["services"][name]["profiles"] == [profile]


@all_services
def test_a_service_is_restricted_like_the_others(name: str) -> None:
    service = read_compose()["services"][name]
    for key, value in read_compose()["x-hardened"].items():
        if key != "networks":
            assert service[key] == value, key
    assert service["mem_limit"]


@services
def test_a_service_has_a_health_check(name: str) -> None:
    assert read_compose()["services"][name]["healthcheck"]


@all_services
def test_ports_are_published_on_this_machine_only(name: str) -> None:
    (port,) = read_compose()["services"][name]["ports"]
    assert port.startswith("127.0.0.1:")


@services
def test_images_have_at_least_a_major_version(name: str) -> None:
    tag = read_compose()["services"][name]["image"].partition(":")[2]
    assert tag.lstrip("v")[0].isdigit()


def test_only_prometheus_reaches_the_replicas() -> None:
    assert read_compose()["services"]["prometheus"]["networks"] == ["default", "internal"]
    assert read_compose()["services"]["grafana"]["networks"] == ["default"]
    assert read_compose()["services"]["tensorboard"]["networks"] == ["default"]


def test_tensorboard_cannot_change_the_trainings() -> None:
    assert read_compose()["services"]["tensorboard"]["volumes"] == ["data:/data:ro"]


@services
def test_mounted_files_exist_and_are_read_only(name: str) -> None:
    mounts = [v.split(":") for v in read_compose()["services"][name]["volumes"] if v[0] == "."]
    assert mounts
    for source, _, mode in mounts:
        assert (ROOT / source).exists()
        assert mode == "ro"


def test_prometheus_reads_its_configuration_and_rules_where_they_are_mounted() -> None:
    service = read_compose()["services"]["prometheus"]
    targets = {volume.split(":")[1] for volume in service["volumes"]}
    assert "--config.file=/etc/prometheus/prometheus.yml" in service["command"]
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    assert {"/etc/prometheus/prometheus.yml", *config["rule_files"]} <= targets


def test_grafana_finds_the_dashboard_and_its_data() -> None:
    service = read_compose()["services"]["grafana"]
    source, target, _ = service["volumes"][0].split(":")
    provider = MONITORING / "grafana/dashboards/provider.yml"
    (entry,) = yaml.safe_load(provider.read_text())["providers"]
    assert entry["options"]["path"] == f"{target}/dashboards"
    home = service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert json.loads((ROOT / source / home.removeprefix(f"{target}/")).read_text()) == DASHBOARD
    datasources = MONITORING / "grafana/datasources/prometheus.yml"
    (datasource,) = yaml.safe_load(datasources.read_text())["datasources"]
    assert datasource["url"] == "http://prometheus:9090"
    panels = DASHBOARD["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} == {datasource["uid"]}


def test_panels_do_not_overlap_and_have_a_description() -> None:
    cells = set()
    for panel in DASHBOARD["panels"]:
        assert panel["description"].endswith(".")
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in cells, panel["title"]
                cells.add((x, y))


def test_grafana_allows_no_changes_and_no_login() -> None:
    environment = read_compose()["services"]["grafana"]["environment"]
    assert "GF_AUTH_ANONYMOUS_ORG_ROLE" not in environment, "the default is Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
