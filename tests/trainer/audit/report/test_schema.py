"""The published JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path

from tests.trainer.audit.report.example import build_example
from trainer.audit.report.schema import build_schema

PUBLISHED = Path("docs/audit-results.schema.json")


def test_the_published_schema_is_that_of_the_results() -> None:
    assert PUBLISHED.read_text("utf-8") == build_schema(), (
        "run: python -m trainer.audit.report.schema docs/audit-results.schema.json"
    )


def test_the_schema_names_exactly_the_fields_of_the_document() -> None:
    schema = json.loads(build_schema())
    document = json.loads(build_example().model_dump_json())
    assert set(schema["properties"]) == set(document)
    assert {*schema["required"], "results_version"} == set(document)
