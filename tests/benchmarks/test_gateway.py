"""What is left of the gateway's configuration when it runs in front of plain processes."""

from __future__ import annotations

import re

from tests.benchmarks.gateway import CONFIG, derive_config

SMALL = """\
# Docker's own DNS, for resolvers.
resolvers docker
    nameserver dns 127.0.0.11:53
    hold valid 1s

defaults
    log-format "%{+json}o %(status)ST"
    default-server check inter 500ms resolvers docker resolve-prefer ipv4 init-addr none rise 1

frontend door
    bind :5000 name door
    default_backend inference

frontend prometheus
    bind *:8404
    http-request use-service prometheus-exporter

backend generator
    server-template generator 1-16 generator:8000

backend inference
    balance leastconn
    server-template inference 1-16 inference:5000 maxconn 8 resolvers docker
"""


def directives(config: str) -> list[str]:
    lines = (line.strip() for line in config.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_the_real_configuration_keeps_its_rules_and_gets_the_given_servers() -> None:
    derived = directives(derive_config(CONFIG.read_text(), 6000, [7001, 7002]))
    servers = [line for line in derived if line.startswith("server ")]
    backends = CONFIG.read_text().count("server-template inference ")
    expected = ["server inference1 127.0.0.1:7001", "server inference2 127.0.0.1:7002"]
    assert [" ".join(line.split()[:3]) for line in servers] == expected * backends
    assert sum(line.startswith("bind 127.0.0.1:6000") for line in derived) == 1
    assert not any("server-template" in line or "resolve" in line for line in derived)
    kept = ("option ", "http-request ", "http-error ", "retr", "timeout http-request", "balance ")
    original = directives(CONFIG.read_text())
    assert [x for x in derived if x.startswith(kept)] == [x for x in original if x.startswith(kept)]


def test_options_other_doors_and_log_formats_are_tolerated() -> None:
    derived = derive_config(SMALL, 6000, [7001])
    assert "default-server check inter 500ms rise 1\n" in derived
    assert "server inference1 127.0.0.1:7001 maxconn 8\n" in derived
    assert "bind 127.0.0.1:6000 name door\n" in derived
    assert 'log-format "%{+json}o %(status)ST"\n' in derived
    assert "nameserver" not in derived
    assert "generator:8000" not in derived
    assert "backend generator\n" in derived
    # Two gateways on one machine must not want the same port.
    assert re.search(r"bind 127\.0\.0\.1:\d+\n", derived)
    assert "8404" not in derived
