"""Fingerprints: short, stable, independent of the order of keys."""

from __future__ import annotations

import hashlib

from shared.fingerprint import fingerprint


def test_a_fingerprint_is_the_start_of_the_sha256_of_compact_sorted_json() -> None:
    text = '{"a":[1,2],"b":"x"}'
    expected = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert fingerprint({"b": "x", "a": [1, 2]}) == expected
    assert fingerprint({"a": [1, 2], "b": "x"}) == expected
    assert len(expected) == 16


def test_different_values_have_different_fingerprints() -> None:
    assert len({fingerprint({"a": value}) for value in (0, 1, "1", None, [1])}) == 5
