"""The inference replicas of a stack: their number, their state, and the gateway's view of them.

`operator` is a client of the gateway's port for operators.
"""

from __future__ import annotations

import datetime
import json
import re
import subprocess

import httpx

from tests.e2e.stack import Stack, read_log
from tests.serving import eventually


def scale(stack: Stack, operator: httpx.Client, replicas: int) -> None:
    """Run this number of inference replicas and wait until all are ready."""
    stack.compose(
        "up", "-d", "--no-deps", "--no-recreate", "--scale", f"inference={replicas}", "inference"
    )
    wait_until_up(stack, operator, replicas)


def gateway_metric(
    operator: httpx.Client, metric: str, *labels: str, proxy: str = "inference"
) -> list[float]:
    """Return a metric of the gateway about the replicas of a service, one number for each."""
    prefix = f'{metric}{{proxy="{proxy}"'
    lines = [
        line
        for line in operator.get("/gateway/metrics").text.splitlines()
        if line.startswith(prefix)
    ]
    wanted = [line for line in lines if all(label in line for label in labels)]
    return [float(line.rsplit(" ", 1)[1]) for line in wanted]


def count_up(operator: httpx.Client) -> int:
    """Return the number of replicas that the gateway considers up."""
    return int(sum(gateway_metric(operator, "haproxy_server_status", 'state="UP"')))


def wait_until_up(stack: Stack, operator: httpx.Client, replicas: int) -> None:
    """Wait until this number of replicas is ready and the gateway considers all of them up.

    The gateway alone is not enough: a new address counts as up until its first checks fail.
    """

    def ready() -> bool:
        found = [get_inside(c, "/ready") for c in stack.containers("inference")]
        good = [response for response in found if response and response.status_code == 200]
        return len(good) == len(found) == replicas == count_up(operator)

    eventually(ready, 60, f"{replicas} replicas are up")


def read_log_lines(container: str) -> list[dict]:
    """Return the lines of a replica's log, each a JSON object."""
    return [json.loads(line) for line in read_log(container).splitlines()]


def find_time(container: str, message: str) -> float:
    """Return when a replica last logged a message that starts so, in seconds since 1970."""
    times = [
        line["time"] for line in read_log_lines(container) if line["message"].startswith(message)
    ]
    assert times, f"{container} never logged {message!r}"
    return datetime.datetime.fromisoformat(times[-1]).timestamp()


def get_inside(container: str, path: str) -> httpx.Response | None:
    """Send GET from within a replica; return None if it does not run or listen."""
    program = (
        "import sys, urllib.error, urllib.request\n"
        "try: response = urllib.request.urlopen('http://127.0.0.1:5000' + sys.argv[1])\n"
        "except urllib.error.HTTPError as error: response = error\n"
        "print(response.status); print(response.read().decode())"
    )
    result = subprocess.run(
        ["docker", "exec", container, "python", "-c", program, path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        return None
    status, _, text = result.stdout.partition("\n")
    return httpx.Response(int(status), text=text)


def get_text(container: str, path: str) -> str:
    """Return the body of a replica's response."""
    response = get_inside(container, path)
    assert response is not None, f"{container} does not respond to {path}"
    return response.text


def parse_resident_mb(metrics: str) -> float:
    """Return the resident memory in the metrics of a service."""
    found = re.search(r"^process_resident_memory_bytes (\S+)", metrics, re.MULTILINE)
    assert found
    return float(found.group(1)) / 1e6


def get_json(container: str, path: str) -> dict:
    """Return the JSON body of a replica's response."""
    return json.loads(get_text(container, path))
