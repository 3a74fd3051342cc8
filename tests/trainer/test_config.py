"""Hyperparameters: defaults, limits, checks of several fields, and presets."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from trainer.config import (
    ADDITIONAL_CAPTCHAS,
    SPLIT_NAMES,
    NetworkName,
    SplitName,
    TrainingConfig,
    derive_split_seed,
    list_presets,
    read_preset,
)

ALONE: dict[str, Any] = {"captchas": 0}


def test_the_defaults_are_the_documented_ones() -> None:
    assert TrainingConfig().model_dump() == {
        "network": "medium",
        "init": "bundled",
        "captchas": 40_000,
        "styles": ("current", "classic"),
        "synthetic_captchas": 0,
        "other_size_captchas": 0,
        "other_sizes": ((120, 50), (128, 64), (200, 80), (240, 80)),
        "non_captcha_fraction": 0.03,
        "folder_epoch_captchas": 40_000,
        "validation_captchas": 5_000,
        "test_captchas": 10_000,
        "seed": 1,
        "epochs": 2,
        "batch_size": 64,
        "loss": "categorical_crossentropy",
        "optimizer": "adamw",
        "learning_rate": 0.001,
        "schedule": "cosine",
        "weight_decay": 0.01,
        "max_shift_x_px": 4,
        "max_shift_y_px": 1,
        "augment_fraction": 0.1,
        "hard_example_fraction": 0.0,
        "confusable_fraction": 0.25,
        "confusable_sets": ("0O", "Vv", "Xx", "Zz"),
        "tta_views": 1,
        "initial_weights_fraction": 0.0,
        "target_accuracy": 0.0,
        "patience": 0,
        "max_minutes": 0.0,
        "min_accuracy": 0.0,
        "publish_worse": False,
    }


@pytest.mark.parametrize(
    ("field", "low", "below", "high", "above"),
    [
        ("captchas", 0, -1, 10**9, None),
        ("validation_captchas", 100, 99, 10**9, None),
        ("test_captchas", 100, 99, 10**9, None),
        ("seed", 0, -1, 2**31 - 1, 2**31),
        ("epochs", 1, 0, 10**6, None),
        ("batch_size", 1, 0, 1_024, 1_025),
        ("learning_rate", 1e-9, 0.0, 10.0, 10.01),
        ("weight_decay", 0.0, -0.001, 1.0, 1.001),
        ("max_shift_x_px", 0, -1, 15, 16),
        ("max_shift_y_px", 0, -1, 15, 16),
        ("augment_fraction", 0.0, -0.001, 1.0, 1.001),
        ("hard_example_fraction", 0.0, -0.001, 1.0, 1.001),
        ("confusable_fraction", 0.0, -0.001, 1.0, 1.001),
        ("synthetic_captchas", 0, -1, 10**9, None),
        ("other_size_captchas", 0, -1, 10**9, None),
        ("non_captcha_fraction", 0.0, -0.001, 0.5, 0.501),
        ("folder_epoch_captchas", 1, 0, 10**9, None),
        ("tta_views", 1, 0, 3, 4),
        ("initial_weights_fraction", 0.0, -0.001, 1.0, 1.001),
        ("target_accuracy", 0.0, -0.001, 1.0, 1.001),
        ("patience", 0, -1, 10**6, None),
        ("max_minutes", 0.0, -0.001, 1e6, None),
        ("min_accuracy", 0.0, -0.001, 1.0, 1.001),
    ],
)
def test_a_number_must_be_within_its_limits(
    field: str, low: float, below: float, high: float, above: float | None
) -> None:
    for accepted in (low, high):
        assert getattr(TrainingConfig(**{field: accepted}), field) == accepted
    for rejected in (below, above, float("nan")):
        if rejected is not None:
            with pytest.raises(ValidationError, match=rf"^1 validation error .*\n{field}\n"):
                TrainingConfig(**{field: rejected})


@pytest.mark.parametrize(
    ("field", "choices"),
    [
        ("network", ["compact", "medium", "wide", "course", "alexnet", "vgg"]),
        ("init", ["bundled", "scratch"]),
        ("loss", ["categorical_crossentropy", "binary_crossentropy"]),
        ("optimizer", ["adamw", "muon", "adam"]),
        ("schedule", ["cosine", "constant", "adaptive"]),
    ],
)
def test_a_choice_must_be_one_of_a_list(field: str, choices: list[NetworkName]) -> None:
    for choice in choices:
        assert getattr(TrainingConfig(**{field: choice}), field) == choice
    with pytest.raises(ValidationError, match=f"\n{field}\n  Input should be '{choices[0]}'"):
        TrainingConfig(**{field: "other"})


def test_an_unknown_field_is_rejected() -> None:
    with pytest.raises(ValidationError, match=r"\nepoch\n  Extra inputs are not permitted"):
        TrainingConfig(**{"epoch": 3})


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        TrainingConfig().epochs = 3


@pytest.mark.parametrize("styles", [["current"], ["classic", "current"]])
def test_styles_keep_their_order(styles: list[Any]) -> None:
    assert TrainingConfig(styles=styles).styles == tuple(styles)


@pytest.mark.parametrize("styles", [[], ["classic", "classic"], ["current", "classic", "current"]])
def test_styles_must_be_at_least_one_and_each_once(styles: list[Any]) -> None:
    with pytest.raises(ValidationError, match="Input should list at least one style, each once"):
        TrainingConfig(styles=styles)


def test_an_unknown_style_is_rejected() -> None:
    with pytest.raises(ValidationError, match=r"should be 'current', .* or 'crowded'"):
        TrainingConfig(styles=["old"])  # type: ignore[arg-type]


@pytest.mark.parametrize("sets", [[], ["17"], ["0O", "Il1"], ["17", "71"]])
def test_confusable_sets_keep_their_order(sets: list[str]) -> None:
    assert TrainingConfig(confusable_sets=sets).confusable_sets == tuple(sets)


@pytest.mark.parametrize("sets", [["17", "00"], ["17", "3"], ["17", ""], ["17", "17"], ["1717"]])
def test_confusable_sets_need_two_or_more_different_characters_and_each_set_once(
    sets: list[str],
) -> None:
    message = "Input should list sets of two or more different characters, each once"
    with pytest.raises(ValidationError, match=message):
        TrainingConfig(confusable_sets=sets)


def test_a_batch_is_not_larger_than_the_training_captchas() -> None:
    assert TrainingConfig(batch_size=10, captchas=10).batch_size == 10
    with pytest.raises(ValidationError, match=r"batch_size \(11\) must not exceed captchas \(10\)"):
        TrainingConfig(batch_size=11, captchas=10)


def test_a_target_accuracy_needs_enough_validation_captchas() -> None:
    for count in (5_000, 5_001):
        assert TrainingConfig(target_accuracy=0.9, validation_captchas=count).target_accuracy == 0.9
    assert TrainingConfig(target_accuracy=0, validation_captchas=4_999).target_accuracy == 0
    message = "target_accuracy needs at least 5000 validation_captchas, not 4999"
    with pytest.raises(ValidationError, match=message):
        TrainingConfig(target_accuracy=0.9, validation_captchas=4_999)


def test_an_image_folder_alone_needs_no_captchas_of_the_generator() -> None:
    config = TrainingConfig(**ALONE, target_accuracy=0.9, validation_captchas=100, batch_size=1_024)
    assert (config.captchas, config.target_accuracy, config.batch_size) == (0, 0.9, 1_024)


@pytest.mark.parametrize("field", ADDITIONAL_CAPTCHAS)
def test_an_image_folder_alone_has_no_additional_captchas(field: str) -> None:
    assert getattr(TrainingConfig(**{"captchas": 64, field: 1}), field) == 1
    with pytest.raises(ValidationError, match=f"{field} must be 0 if captchas is 0"):
        TrainingConfig(**ALONE, **{field: 1})


def test_weights_are_only_averaged_with_those_of_the_bundled_model() -> None:
    assert TrainingConfig(initial_weights_fraction=0.5).init == "bundled"
    with pytest.raises(
        ValidationError, match="initial_weights_fraction must be 0 if init is scratch"
    ):
        TrainingConfig(initial_weights_fraction=0.5, init="scratch")


@pytest.mark.parametrize("size", [(15, 60), (160, 1_001), (160,)])
def test_another_size_must_be_that_of_a_captcha(size: tuple[int, ...]) -> None:
    assert TrainingConfig(other_sizes=((16, 1_000),)).other_sizes == ((16, 1_000),)
    with pytest.raises(ValidationError, match=r"other_sizes\.0\.[01]"):
        TrainingConfig(other_sizes=(size,))
    with pytest.raises(ValidationError, match=r"\nother_sizes\n.* at least 1 item"):
        TrainingConfig(other_sizes=())


def test_a_confusable_set_counts_if_the_charset_contains_all_of_it() -> None:
    config = TrainingConfig(confusable_sets=("0O", "17", "173"))
    assert config.confusable_sets_in("0123456789") == ("17", "173")
    assert config.confusable_sets_in("O017") == ("0O", "17")
    assert config.confusable_sets_in("O1") == ()


def test_every_split_has_a_dataset_seed_of_its_own() -> None:
    assert SPLIT_NAMES == ("train", "validation", "test")
    assert [derive_split_seed(7, split) for split in SPLIT_NAMES] == [21, 22, 23]


def test_the_splits_of_different_seeds_never_share_a_dataset_seed() -> None:
    splits: tuple[SplitName, ...] = ("train", "validation", "test")
    seeds = [derive_split_seed(n, split) for n in range(50) for split in splits]
    assert len(set(seeds)) == 150


def test_the_presets_are_listed_in_alphabetical_order() -> None:
    assert list_presets() == ["base", "best", "course", "folder", "letters", "quick", "scratch"]


@pytest.mark.parametrize("preset", list_presets())
def test_every_preset_is_a_valid_config(preset: str) -> None:
    values = read_preset(preset)
    config = TrainingConfig(**values)
    assert values.items() <= (config.model_dump(mode="json")).items()


def test_the_quick_preset_is_the_defaults() -> None:
    assert read_preset("quick") == {}


def test_the_course_preset_is_the_training_of_the_course() -> None:
    assert read_preset("course") == {
        "init": "scratch",
        "network": "course",
        "captchas": 5_000,
        "styles": ["current"],
        "validation_captchas": 2_000,
        "test_captchas": 5_000,
        "epochs": 10,
        "batch_size": 100,
        "loss": "binary_crossentropy",
        "optimizer": "adam",
        "learning_rate": 0.001,
        "schedule": "constant",
        "non_captcha_fraction": 0.0,
        "max_shift_x_px": 0,
        "max_shift_y_px": 0,
        "augment_fraction": 0.0,
        "confusable_fraction": 0.0,
        "publish_worse": True,
    }


def test_only_the_course_preset_publishes_a_model_that_is_worse() -> None:
    publishing = [p for p in list_presets() if TrainingConfig(**read_preset(p)).publish_worse]
    assert publishing == ["course"]


def test_a_preset_can_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('network = "wide"\nepochs = 2\nstyles = ["classic"]\n')
    assert read_preset(str(path)) == {"network": "wide", "epochs": 2, "styles": ["classic"]}


@pytest.mark.parametrize("preset", ["slow", "", "quick ", "../presets/quick", "own.tom"])
def test_an_unknown_preset_is_rejected_with_the_list(preset: str) -> None:
    presets = "base, best, course, folder, letters, quick, scratch"
    message = f"Input should be one of {presets} or the path of a .toml file"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read_preset(preset)


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    message = rf"^the preset {path} cannot be read \(\[Errno 2\] No such file .*\)$"
    with pytest.raises(ValueError, match=message) as caught:
        read_preset(str(path))
    assert isinstance(caught.value.__cause__, FileNotFoundError)


@pytest.mark.parametrize("content", [b"epochs: 3", b"\xff"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^the preset {path} cannot be read \(.+\)$"):
        read_preset(str(path))


@pytest.mark.parametrize("field", ["max_minutes", "learning_rate", "min_accuracy"])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_infinite_and_undefined_numbers_are_rejected(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        TrainingConfig(**{field: value})
