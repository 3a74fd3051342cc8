"""Log lines are JSON, one object a line, and know their request."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from shared.logs import JsonLines, request_id


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    log = logging.getLogger("tests.logs")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    yield log, stream
    log.removeHandler(handler)


def test_a_line_is_one_object_whatever_it_says(
    written: tuple[logging.Logger, io.StringIO],
) -> None:
    log, stream = written
    log.warning('two\nlines and "quotes" from %s', "größe", extra={"fields": {"version": 3}})
    (line,) = stream.getvalue().splitlines()
    body = json.loads(line)
    assert body["message"] == 'two\nlines and "quotes" from größe'
    assert (body["level"], body["logger"], body["version"]) == ("warning", "tests.logs", 3)
    assert body["time"].endswith("Z")
    assert "request_id" not in body


def test_a_line_within_a_request_has_its_id_and_an_exception_its_traceback(
    written: tuple[logging.Logger, io.StringIO],
) -> None:
    log, stream = written
    token = request_id.set("abc-1")
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        log.exception("it broke")
    finally:
        request_id.reset(token)
    (line,) = stream.getvalue().splitlines()
    body = json.loads(line)
    assert body["request_id"] == "abc-1"
    assert "ZeroDivisionError" in body["exception"]
