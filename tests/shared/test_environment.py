from __future__ import annotations

import pytest

from shared.environment import SettingsError, read_float, read_int, read_text


def test_unset_and_empty_mean_the_default() -> None:
    for environment in ({}, {"KEY": ""}):
        assert read_text(environment, "KEY", "default") == "default"
        assert read_int(environment, "KEY", 3) == 3
        assert read_float(environment, "KEY", 0.5, 0, 1) == 0.5


def test_values_are_read() -> None:
    environment = {"A": "b", "I": "7", "F": "0.25"}
    assert read_text(environment, "A", "", choices=("b",)) == "b"
    assert read_int(environment, "I", 0, low=1, high=9) == 7
    assert read_float(environment, "F", 0.0, 0, 1) == 0.25


@pytest.mark.parametrize("value", ["seven", "1.5", "0", "10"])
def test_an_error_names_key_and_value(value: str) -> None:
    with pytest.raises(SettingsError, match=f"SIDE must be .*{value}"):
        read_int({"SIDE": value}, "SIDE", 5, low=1, high=9)


def test_a_choice_that_is_none_lists_them() -> None:
    with pytest.raises(SettingsError, match="ENGINE must be one of a, b, not 'c'"):
        read_text({"ENGINE": "c"}, "ENGINE", "a", choices=("a", "b"))


@pytest.mark.parametrize("value", ["x", "nan", "-1", "2"])
def test_a_number_out_of_range_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="SHARE must be"):
        read_float({"SHARE": value}, "SHARE", 0.5, 0, 1)
