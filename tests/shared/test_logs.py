"""Log lines are JSON objects with the id of their request."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shared.logs import JsonFormatter, request_id


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Return a stream that the logger `tests.logs` writes to."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log = logging.getLogger("tests.logs")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    yield stream
    log.removeHandler(handler)


log = logging.getLogger("tests.logs")


def test_a_record_is_one_line_with_its_fields(stream: io.StringIO) -> None:
    log.warning('two\nlines and "quotes" from %s', "größe", extra={"fields": {"version": 3}})
    (line,) = stream.getvalue().splitlines()
    body = json.loads(line)
    del body["time"]
    assert body == {
        "level": "warning",
        "logger": "tests.logs",
        "message": 'two\nlines and "quotes" from größe',
        "version": 3,
    }
    assert "größe" in line


def test_the_time_is_utc_with_milliseconds() -> None:
    record = logging.LogRecord("name", logging.INFO, "", 0, "message", None, None)
    record.created = 1_700_000_000.25
    body = json.loads(JsonFormatter().format(record))
    assert body == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "info",
        "logger": "name",
        "message": "message",
    }


def test_fields_replace_the_standard_ones(stream: io.StringIO) -> None:
    log.info("message", extra={"fields": {"message": "another"}})
    assert json.loads(stream.getvalue())["message"] == "another"


def test_a_line_of_a_request_has_its_id(stream: io.StringIO) -> None:
    token = request_id.set("abc-1")
    try:
        log.info("inside")
    finally:
        request_id.reset(token)
    log.info("outside")
    inside, outside = map(json.loads, stream.getvalue().splitlines())
    assert inside["request_id"] == "abc-1"
    assert "request_id" not in outside
    assert request_id.get() == ""
    assert request_id.name == "request_id"


def test_an_exception_is_logged_with_its_traceback(stream: io.StringIO) -> None:
    try:
        1 / 0  # noqa: B018 - raises
    except ZeroDivisionError:
        log.exception("failed")
    (line,) = stream.getvalue().splitlines()
    body = json.loads(line)
    assert (body["level"], body["message"]) == ("error", "failed")
    assert body["exception"].startswith("Traceback (most recent call last):\n")
    assert body["exception"].endswith("ZeroDivisionError: division by zero")
    log.info("later")
    assert "exception" not in json.loads(stream.getvalue().splitlines()[1])


def test_log_as_json_configures_every_logger_and_warnings() -> None:
    # A process of its own, because it replaces the handlers of the root logger.
    program = """
import logging, sys, warnings
from shared.logs import log_as_json
logging.basicConfig(format="before %(message)s")
log_as_json(sys.stdout)
logging.getLogger("any").debug("not shown")
logging.getLogger("any").info("shown")
warnings.warn("a warning", stacklevel=1)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["logger"], first["level"], first["message"]) == ("any", "info", "shown")
    assert (second["logger"], second["level"]) == ("py.warnings", "warning")
    assert "a warning" in second["message"]


def test_log_as_json_writes_to_stderr_by_default() -> None:
    program = "from shared.logs import *; log_as_json(); logging.info('here')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert json.loads(done.stderr)["message"] == "here"
