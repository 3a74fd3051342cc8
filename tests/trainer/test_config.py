from __future__ import annotations

import pytest

from trainer.config import (
    ConfigError,
    TrainingConfig,
    fingerprint_recipe,
    read_config,
)


def test_nothing_given_means_the_defaults() -> None:
    assert read_config({"PATH": "/bin"}, []) == TrainingConfig()


def test_options_beat_the_environment_which_beats_the_recipe() -> None:
    environment = {"TRAIN_RECIPE": "course", "TRAIN_EPOCHS": "3", "TRAIN_SEED": "9"}
    config = read_config(environment, ["--epochs", "2"])
    assert (config.network, config.batch_size) == ("course", 100)
    assert (config.epochs, config.seed) == (2, 9)


def test_zero_is_a_value_not_an_absence() -> None:
    assert read_config({}, ["--min-accuracy", "0", "--seed", "0"]).min_accuracy == 0.0
    assert read_config({}, ["--seed", "0"]).seed == 0


def test_unset_variables_arrive_empty_and_mean_the_default() -> None:
    assert read_config({"TRAIN_EPOCHS": "", "TRAIN_RECIPE": ""}, []) == TrainingConfig()


def test_the_course_recipe_is_what_the_course_did() -> None:
    config = read_config({}, ["--recipe", "course"])
    assert (config.captchas, config.batch_size, config.epochs) == (5_000, 100, 10)
    assert (config.optimizer, config.loss) == ("adam", "binary_crossentropy")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"TRAIN_EPOCHS": "many"}, "TRAIN_EPOCHS must be a whole number, not 'many'"),
        ({"TRAIN_EPOCHS": "0"}, "epochs must be at least 1, not 0"),
        ({"TRAIN_EPOCH": "3"}, "TRAIN_EPOCH is no setting; there are TRAIN_NETWORK"),
        ({"TRAIN_NETWORK": "vgg"}, "network must be one of compact, course, not 'vgg'"),
        ({"TRAIN_RECIPE": "best"}, "TRAIN_RECIPE must be one of default, course, not 'best'"),
        ({"TRAIN_LEARNING_RATE": "-1"}, "learning_rate must be above 0"),
        ({"TRAIN_LEARNING_RATE": "nan"}, "learning_rate must be above 0"),
        ({"TRAIN_MIN_ACCURACY": "99"}, "min_accuracy must be from 0 to 1, not 99"),
        ({"TRAIN_TEST_CAPTCHAS": "5"}, "test_captchas must be at least 100, not 5"),
        ({"TRAIN_BATCH_SIZE": "100000"}, "batch_size must be at most captchas"),
        ({"TRAIN_SEED": "-1"}, "seed must be from 0"),
    ],
)
def test_nonsense_is_refused_with_its_name(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence.replace("(", r"\(")):
        read_config(environment, [])


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(SystemExit) as caught:
        read_config({}, ["--epoch-count", "3"])
    assert caught.value.code == 2


def test_the_splits_of_any_seeds_never_share_a_dataset_seed() -> None:
    seeds = [s for n in range(50) for s in TrainingConfig(seed=n).split_seeds.values()]
    assert len(set(seeds)) == 150


def test_the_recipe_changes_with_all_that_changes_the_model_and_not_with_the_gate() -> None:
    base = fingerprint_recipe(TrainingConfig(), "spec", "drawing")
    assert fingerprint_recipe(TrainingConfig(min_accuracy=0.1), "spec", "drawing") == base
    others = {
        fingerprint_recipe(TrainingConfig(seed=2), "spec", "drawing"),
        fingerprint_recipe(TrainingConfig(epochs=7), "spec", "drawing"),
        fingerprint_recipe(TrainingConfig(), "other", "drawing"),
        fingerprint_recipe(TrainingConfig(), "spec", "other"),
    }
    assert len(others | {base}) == 5
