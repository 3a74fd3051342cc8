"""The queries of the dashboard and the alerts, and the metrics and labels that they use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from tests.deploy.manifests import ROOT, Manifest

MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARD: Manifest = json.loads(
    (MONITORING / "grafana/dashboards/captcha-pipeline.json").read_text("utf-8")
)
ALERTS: list[Manifest] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
# Prometheus itself adds these to what it scrapes.
SCRAPE_LABELS = frozenset({"job", "instance"})
OF_PROMETHEUS = {"up", "ALERTS"}

_NAME = re.compile(r"\b(?:inference|generator|haproxy|process)_\w+|\bup\b|\bALERTS\b")


@dataclass(frozen=True)
class Selector:
    """A metric with the conditions on its labels."""

    name: str
    conditions: tuple[tuple[str, str, str], ...]
    """Label, operator and value."""


def list_queries() -> dict[str, str]:
    """Return all queries by what they belong to."""
    queries = {f"alert {rule['alert']}": rule["expr"] for rule in ALERTS}
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            queries[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    return queries


def list_selectors(query: str) -> Iterator[Selector]:
    """Yield the selectors of a query; one with several names is yielded for each of them."""
    for match in re.finditer(r"([a-zA-Z_:][\w:]*)?\{([^}]*)\}", query):
        conditions = re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', match[2])
        names = [match[1]] if match[1] else []
        names += [n for label, _, v in conditions if label == "__name__" for n in v.split("|")]
        assert names, match[0]
        for name in names:
            yield Selector(name, tuple(c for c in conditions if c[0] != "__name__"))
    for name in _NAME.findall(re.sub(r"\{[^}]*\}|\b(by|without) *\([^)]*\)", "{}", query)):
        yield Selector(name, ())


def list_grouping_labels(query: str) -> set[str]:
    """Return the labels after `by`."""
    groups = re.findall(r"\bby *\(([^)]*)\)", query)
    return {label.strip() for group in groups for label in group.split(",")}
