"""Errors at the opening of an object store; those of requests are tested with the mirror."""

from __future__ import annotations

import pytest

from shared.versions.object_store import ObjectStore, StoreError


def test_a_store_that_cannot_be_opened_is_not_called_unreachable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", "no key")
    with pytest.raises(StoreError, match="the URL of the store or its credentials"):
        ObjectStore("gs://bucket")
    assert len(caplog.messages) == 1
