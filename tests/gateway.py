"""The gateway as a process of this machine, with the project's configuration."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from tests.serving import eventually, free_port

CONFIG = Path(__file__).parents[1] / "deploy" / "gateway" / "haproxy.cfg"


@dataclass(frozen=True)
class Gateway:
    """A running gateway."""

    public: httpx.Client
    operator: httpx.Client
    process: subprocess.Popen[bytes]


def derive_config(config: str, port: int, replicas: Mapping[str, Sequence[int]]) -> str:
    """Return the gateway's configuration for replicas on this machine, without Docker's DNS.

    Args:
        config: contents of haproxy.cfg.
        port: port that replaces 5000; the other ports become free ones.
        replicas: ports of the replicas of `generator` and `inference`.
    """

    def list_servers(match: re.Match[str]) -> str:
        indent, name, options = match.groups()
        servers = [
            f"{indent}server {name}{number} 127.0.0.1:{replica}{options}\n"
            for number, replica in enumerate(replicas.get(name, ()), 1)
        ]
        return "".join(servers)

    for pattern, replacement in (
        (r"(?m)^resolvers .*\n([ \t].*\n)*", ""),
        (r" (resolvers|resolve-prefer|init-addr) \S+", ""),
        (r"(?m)^( *)server-template (\w+) \S+ \S+(.*)\n", list_servers),
        (r"bind :5000", f"bind 127.0.0.1:{port}"),
        (r"bind :\d+", lambda _: f"bind 127.0.0.1:{free_port()}"),
    ):
        config, count = re.subn(pattern, replacement, config)
        assert count, f"haproxy.cfg contains no {pattern}"
    return config


def remove_json_log(config: str) -> str:
    """Return a configuration for HAProxy 2.6 of Debian 12, which cannot log JSON."""
    return re.sub(r"(?m)^ *log-format .*\n", "", config)


def write_tokens(directory: Path, *tokens: str) -> None:
    """Write tokens.sha256, which accepts these tokens only."""
    lines = [f"{hashlib.sha256(token.encode()).hexdigest()}  a name\n" for token in tokens]
    (directory / "tokens.sha256").write_text("".join(lines))


def write_certificate(directory: Path) -> None:
    """Write tls.pem with a certificate for localhost that it signs itself."""
    key, certificate = directory / "key.pem", directory / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    (directory / "tls.pem").write_text(certificate.read_text() + key.read_text())


def _responds(process: subprocess.Popen[bytes], operator: httpx.Client) -> bool:
    assert process.poll() is None, "the gateway ended"
    try:
        return operator.get("/ping").status_code > 0
    except httpx.ConnectError:
        return False


@contextmanager
def run_gateway(
    replicas: Mapping[str, Sequence[int]],
    directory: Path | None = None,
    scheme: str = "http",
    **environment: str,
) -> Iterator[Gateway]:
    """Run HAProxy in front of replicas on this machine.

    Args:
        replicas: ports of the replicas of `generator` and `inference`.
        directory: contains what the gateway mounts as /tokens and /tls.
        scheme: "https" if the environment has TLS_DIR; certificates are not checked.
        environment: settings of the gateway.
    """
    port, operator_port = free_port(), free_port()
    config = CONFIG.read_text().replace("bind :5001", f"bind 127.0.0.1:{operator_port}")
    config = remove_json_log(derive_config(config, port, replicas))
    for mount in ("/tokens", "/tls"):
        config = config.replace(f"{mount}/", f"{directory}{mount}/")
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(config)
        file.flush()
        # As in the image: a master process, which reads the files again at SIGUSR2.
        process = subprocess.Popen(
            ["haproxy", "-W", "-db", "-f", file.name],
            stdout=subprocess.DEVNULL,
            env=os.environ | environment,
        )
        try:
            with (
                httpx.Client(
                    base_url=f"{scheme}://127.0.0.1:{port}", timeout=10, verify=False
                ) as public,
                httpx.Client(base_url=f"http://127.0.0.1:{operator_port}", timeout=10) as operator,
            ):
                eventually(partial(_responds, process, operator), 10, "the gateway responds")
                yield Gateway(public, operator, process)
        finally:
            process.terminate()
            process.wait(timeout=10)
