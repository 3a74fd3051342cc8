"""The published JSON Schema of `results.json`.

`python -m trainer.audit.report.schema docs/audit-results.schema.json` writes it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from trainer.audit.results import AuditResults


def build_schema() -> str:
    """Return the JSON Schema of the results, as text."""
    schema = AuditResults.model_json_schema(mode="serialization")
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps({"$schema": dialect} | schema, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(build_schema(), encoding="utf-8")
