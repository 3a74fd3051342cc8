"""The inference replicas of a stack: how many, what each one says, and what the gateway thinks."""

from __future__ import annotations

import datetime
import json
import re
import subprocess

import httpx

from tests.e2e.stack import Stack, raw_log_of
from tests.serving import eventually


def scale(stack: Stack, replicas: int) -> None:
    stack.compose(
        "up", "-d", "--no-deps", "--no-recreate", "--scale", f"inference={replicas}", "inference"
    )


def gateway(client: httpx.Client, metric: str, *labels: str) -> list[float]:
    """A metric of the gateway about the inference replicas, one number for each."""
    prefix = f'{metric}{{proxy="inference"'
    lines = [
        line for line in client.get("/gateway/metrics").text.splitlines() if line.startswith(prefix)
    ]
    wanted = [line for line in lines if all(label in line for label in labels)]
    return [float(line.rsplit(" ", 1)[1]) for line in wanted]


def count_up(client: httpx.Client) -> int:
    return int(sum(gateway(client, "haproxy_server_status", 'state="UP"')))


def all_up(stack: Stack, client: httpx.Client, replicas: int) -> None:
    """Waits until so many replicas are ready and the gateway knows.

    Its word alone is not enough: to HAProxy an address that is new counts as up until the first
    checks have failed.
    """

    def ready() -> bool:
        found = [inside(c, "/ready") for c in stack.containers("inference")]
        good = [answer for answer in found if answer and answer.status_code == 200]
        return len(good) == len(found) == replicas == count_up(client)

    eventually(ready, 60, f"{replicas} replicas are up")


def log_of(container: str) -> list[dict]:
    """The lines of a replica's log, each a JSON object."""
    return [json.loads(line) for line in raw_log_of(container).splitlines()]


def moment_of(container: str, message: str) -> float:
    """When a replica last logged something that begins so, seconds since 1970."""
    times = [line["time"] for line in log_of(container) if line["message"].startswith(message)]
    assert times, f"{container} never said {message!r}"
    return datetime.datetime.fromisoformat(times[-1]).timestamp()


def inside(container: str, path: str) -> httpx.Response | None:
    """A replica's own answer to GET, asked from within; nothing if it does not run or listen."""
    program = (
        "import sys, urllib.error, urllib.request\n"
        "try: answer = urllib.request.urlopen('http://127.0.0.1:5000' + sys.argv[1])\n"
        "except urllib.error.HTTPError as error: answer = error\n"
        "print(answer.status); print(answer.read().decode())"
    )
    result = subprocess.run(
        ["docker", "exec", container, "python", "-c", program, path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        return None
    status, _, text = result.stdout.partition("\n")
    return httpx.Response(int(status), text=text)


def text_of(container: str, path: str) -> str:
    answer = inside(container, path)
    assert answer is not None, f"{container} does not answer {path}"
    return answer.text


def resident_mb_in(metrics: str) -> float:
    found = re.search(r"^process_resident_memory_bytes (\S+)", metrics, re.MULTILINE)
    assert found
    return float(found.group(1)) / 1e6


def answer_of(container: str, path: str) -> dict:
    return json.loads(text_of(container, path))
