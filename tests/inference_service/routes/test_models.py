from __future__ import annotations

import httpx

from shared.artifacts import read_manifest
from shared.bundled_model import BUNDLED_MODEL


def test_model_describes_the_active_version(client: httpx.Client) -> None:
    manifest = read_manifest(BUNDLED_MODEL / "0")
    assert client.get("/model").json() == {
        "version": 1,
        "source": "volume",
        "engine": "openvino",
        "spec": {"charset": "0123456789", "length": 4, "width": 160, "height": 60},
        "metrics": manifest.metrics.model_dump(mode="json"),
        "created": manifest.created,
        "config": manifest.config,
        "rejected": {},
    }
