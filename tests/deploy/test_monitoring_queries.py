"""Every query of the dashboard and the alerts fits the metrics of the running programs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.manifests import ROOT, find, read_compose, render_overlay, require
from tests.deploy.queries import (
    ALERTS,
    DASHBOARD,
    MONITORING,
    OF_PROMETHEUS,
    SCRAPE_LABELS,
    list_grouping_labels,
    list_queries,
    list_selectors,
)
from tests.deploy.running import request_captchas, run_gateway, run_inference, send_predictions
from tests.serving import eventually, free_port

Samples = dict[str, list[dict[str, str]]]
QUERIES = list_queries()
PAGE = (ROOT / "docs/monitoring.md").read_text()
# Of Kubernetes, by job.
SERVICES = {"inference": "inference", "generator": "generator", "gateway": "gateway-metrics"}
# Nothing of this kind happens in the test.
MAY_BE_EMPTY = {"alert " + rule["alert"] for rule in ALERTS}


@pytest.fixture(scope="module")
def inference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with run_inference(tmp_path_factory.mktemp("models")) as client:
        yield client


@pytest.fixture(scope="module")
def gateway(generator: httpx.Client, inference: httpx.Client) -> Iterator[httpx.Client]:
    with run_gateway(generator, inference) as client:
        yield client


@pytest.fixture(scope="module")
def samples(generator: httpx.Client, inference: httpx.Client, gateway: httpx.Client) -> Samples:
    """Return the labels of every sample of the three programs."""
    request_captchas(generator)
    samples: Samples = {}
    for client, path in (
        (generator, "/metrics"),
        (inference, "/metrics"),
        (gateway, "/gateway/metrics"),
    ):
        for family in text_string_to_metric_families(client.get(path).text):
            for sample in family.samples:
                samples.setdefault(sample.name, []).append(sample.labels)
    return samples


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_uses_metrics_and_labels_that_exist(query: str, samples: Samples) -> None:
    selectors = [s for s in list_selectors(query) if s.name not in OF_PROMETHEUS]
    assert list(list_selectors(query))
    labels = set(SCRAPE_LABELS)
    for name, conditions in ((s.name, s.conditions) for s in selectors):
        assert name in samples, name
        known = set(SCRAPE_LABELS).union(*samples[name])
        labels |= known
        for label, operator, value in conditions:
            assert label in known, (name, label)
            # A status need not have occurred; all other values must exist.
            if operator in {"=", "=~"} and label not in {"status", *SCRAPE_LABELS}:
                values = {sample.get(label, "") for sample in samples[name]}
                assert any(re.fullmatch(value, other) for other in values), (name, label, value)
    if selectors:
        assert list_grouping_labels(query) - {"le"} <= labels


def test_the_labels_in_legends_and_messages_are_those_of_their_queries() -> None:
    texts = [(rule["expr"], str(rule["annotations"])) for rule in ALERTS]
    for panel in DASHBOARD["panels"]:
        texts += [(target["expr"], target["legendFormat"]) for target in panel["targets"]]
    for query, text in texts:
        used = set(re.findall(r"\{\{ *(?:\$labels\.)?(\w+) *\}\}", text))
        groups = list_grouping_labels(query)
        if groups:
            assert used <= groups, query


def test_every_alert_is_documented_with_its_severity() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted((r["alert"], r["labels"]["severity"]) for r in ALERTS)


def test_the_rules_are_valid_and_fire_when_they_should() -> None:
    require("promtool", "prometheus")
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        result = subprocess.run(
            ["promtool", *command], cwd=MONITORING, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    tests = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in ALERTS}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


@contextmanager
def run_prometheus(directory: Path, targets: dict[str, str]) -> Iterator[httpx.Client]:
    """Run Prometheus with the project's configuration, and these addresses instead of DNS."""
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(MONITORING / "alerts.yml")]
    for job in config["scrape_configs"]:
        del job["dns_sd_configs"]
        address, _, path = targets[job["job_name"]].partition("/")
        job |= {"static_configs": [{"targets": [address]}], "metrics_path": f"/{path}"}
    (directory / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    process = subprocess.Popen(
        ["prometheus", f"--config.file={directory}/prometheus.yml", "--log.level=warn",
         f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{port}"],
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            eventually(lambda: client.get("/-/ready").is_success, 30, "Prometheus is ready")
            yield client
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_prometheus_answers_every_query_of_the_dashboard(
    generator: httpx.Client, inference: httpx.Client, gateway: httpx.Client, tmp_path: Path
) -> None:
    require("prometheus", "prometheus")
    targets = {
        "generator": f"{generator.base_url.netloc.decode()}/metrics",
        "inference": f"{inference.base_url.netloc.decode()}/metrics",
        "gateway": f"{gateway.base_url.netloc.decode()}/gateway/metrics",
    }
    with run_prometheus(tmp_path, targets) as prometheus:

        def query(text: str) -> list[Any]:
            text = text.replace("$__rate_interval", "30s")
            body = prometheus.get("/api/v1/query", params={"query": text}).json()
            assert body["status"] == "success", (text, body)
            result: list[Any] = body["data"]["result"]
            return result

        eventually(lambda: len(query("up == 1")) == 3, 30, "all three programs are scraped")
        for _ in range(5):  # rates need several samples
            send_predictions(gateway)
            request_captchas(gateway)
            time.sleep(1)
        eventually(lambda: len(query("rate(up[30s])")) == 3, 10, "there are rates")
        empty = {name for name, text in QUERIES.items() if not query(text)}
        assert empty <= MAY_BE_EMPTY
        rules = prometheus.get("/api/v1/rules").json()["data"]["groups"]
        assert {r["health"] for group in rules for r in group["rules"]} == {"ok"}


def test_prometheus_finds_replicas_under_the_names_of_the_services() -> None:
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    ports = {
        job["job_name"]: discovery["port"]
        for job in config["scrape_configs"]
        for discovery in job["dns_sd_configs"]
    }
    assert ports == {"inference": 5000, "generator": 8000, "gateway": 8404}
    for job in config["scrape_configs"]:
        (discovery,) = job["dns_sd_configs"]
        assert discovery["names"] == [job["job_name"]]
        assert discovery["names"][0] in read_compose()["services"]
        assert f"`{SERVICES[job['job_name']]}.captcha.svc.cluster.local`" in PAGE
        service = find(render_overlay("cpu"), "Service", SERVICES[job["job_name"]])
        assert service["spec"]["clusterIP"] == "None"
        assert [port["port"] for port in service["spec"]["ports"]] == [discovery["port"]]
    if shutil.which("promtool"):
        result = subprocess.run(
            ["promtool", "check", "config", "--syntax-only", "prometheus.yml"],
            cwd=MONITORING, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
