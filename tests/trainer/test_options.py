from __future__ import annotations

import pytest

from trainer.config import ConfigError, TrainingConfig
from trainer.options import read_config
from trainer.presets import PRESETS


def test_nothing_given_means_the_defaults() -> None:
    assert read_config({"PATH": "/bin"}, []) == TrainingConfig()


def test_options_beat_the_environment_which_beats_the_recipe() -> None:
    environment = {"TRAIN_PRESET": "course", "TRAIN_EPOCHS": "3", "TRAIN_SEED": "9"}
    config = read_config(environment, ["--epochs", "2"])
    assert (config.network, config.batch_size) == ("course", 100)
    assert (config.epochs, config.seed) == (2, 9)


def test_zero_is_a_value_not_an_absence() -> None:
    assert read_config({}, ["--min-accuracy", "0", "--seed", "0"]).min_accuracy == 0.0
    assert read_config({}, ["--seed", "0"]).seed == 0


def test_unset_variables_arrive_empty_and_mean_the_default() -> None:
    assert read_config({"TRAIN_EPOCHS": "", "TRAIN_PRESET": ""}, []) == TrainingConfig()


def test_the_course_recipe_is_what_the_course_did() -> None:
    config = read_config({}, ["--preset", "course"])
    assert (config.captchas, config.batch_size, config.epochs) == (5_000, 100, 10)
    assert (config.optimizer, config.loss) == ("adam", "binary_crossentropy")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"TRAIN_EPOCHS": "many"}, "TRAIN_EPOCHS must be a whole number, not 'many'"),
        ({"TRAIN_EPOCHS": "0"}, "epochs must be at least 1, not 0"),
        ({"TRAIN_EPOCH": "3"}, "TRAIN_EPOCH is no setting; there are TRAIN_NETWORK"),
        ({"TRAIN_NETWORK": "vgg"}, "network must be one of compact, wide, course, not 'vgg'"),
        (
            {"TRAIN_PRESET": "slow"},
            "TRAIN_PRESET must be one of quick, best, letters, course, not 'slow'",
        ),
        ({"TRAIN_LEARNING_RATE": "-1"}, "learning_rate must be above 0"),
        ({"TRAIN_LEARNING_RATE": "nan"}, "learning_rate must be above 0"),
        ({"TRAIN_MIN_ACCURACY": "99"}, "min_accuracy must be from 0 to 1, not 99"),
        ({"TRAIN_TEST_CAPTCHAS": "5"}, "test_captchas must be at least 100, not 5"),
        ({"TRAIN_BATCH_SIZE": "100000"}, "batch_size must be from 1 to 1024, not 100000"),
        ({"TRAIN_BATCH_SIZE": "64", "TRAIN_CAPTCHAS": "10"}, "batch_size must be at most captchas"),
        ({"TRAIN_SEED": "-1"}, "seed must be from 0"),
        ({"TRAIN_CAPTCHAS": "0"}, "captchas must be at least 1, not 0"),
        ({"TRAIN_DRAWINGS": "old"}, "drawings must be some of current,classic, each once"),
        ({"TRAIN_DRAWINGS": "classic,classic"}, "drawings must be some of current,classic"),
        (
            {"TRAIN_LOOK_ALIKES": "17,00"},
            "look_alikes must be sets of two or more different characters, each once, with nothing"
            " but commas between, not '17,00'",
        ),
        ({"TRAIN_LOOK_ALIKES": "17, 38"}, "but commas between, not '17, 38'"),
        ({"TRAIN_LOOK_ALIKES": "17,17"}, "each once, with nothing but commas between, not '17,17'"),
        ({"TRAIN_LOOK_ALIKE_CAPTCHAS": "-9"}, "look_alike_captchas must be at least 0, not -9"),
        (
            {"TRAIN_LOOK_ALIKE_CAPTCHAS": "9", "TRAIN_CAPTCHAS": "0", "TRAIN_FOLDER": "own"},
            "look_alike_captchas must be 0, as captchas are, not 9",
        ),
        ({"TRAIN_LOOKS": "0"}, "looks must be from 1 to 3, not 0"),
        ({"TRAIN_SHIFT_DOWN": "16"}, "shift_down must be from 0 to 15, not 16"),
        ({"TRAIN_PATIENCE": "-1"}, "patience must be at least 0, not -1"),
        ({"TRAIN_MAX_MINUTES": "nan"}, "max_minutes must be at least 0, not nan"),
        ({"TRAIN_TARGET_ACCURACY": "99"}, "target_accuracy must be from 0 to 1, not 99"),
        (
            {"TRAIN_TARGET_ACCURACY": "0.9", "TRAIN_VALIDATION_CAPTCHAS": "2000"},
            "target_accuracy needs at least 5000 validation_captchas, not 2000",
        ),
    ],
)
def test_nonsense_is_refused_with_its_name(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence.replace("(", r"\(")):
        read_config(environment, [])


@pytest.mark.parametrize("option", ["--epoch-count", "--epoch", "--look"])
def test_an_unknown_option_is_refused(option: str) -> None:
    with pytest.raises(SystemExit) as caught:
        read_config({}, [option, "3"])
    assert caught.value.code == 2


def test_a_folder_alone_takes_a_preset_whose_look_alikes_the_generator_would_draw() -> None:
    config = read_config({"TRAIN_PRESET": "letters"}, ["--captchas", "0", "--folder", "own"])
    assert (config.captchas, config.look_alike_captchas, config.network) == (0, 0, "wide")
    with pytest.raises(ConfigError, match="look_alike_captchas must be 0, as captchas are, not 7"):
        read_config({}, ["--captchas", "0", "--folder", "own", "--look-alike-captchas", "7"])


def test_a_target_for_a_folder_alone_does_not_ask_for_captchas_of_the_generator() -> None:
    config = read_config(
        {"TRAIN_PRESET": "course"},
        ["--captchas", "0", "--folder", "own", "--target-accuracy", "0.9"],
    )
    assert config.target_accuracy == 0.9


@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_preset_is_a_config(preset: str) -> None:
    config = read_config({"TRAIN_PRESET": preset}, [])
    assert config == TrainingConfig(**PRESETS[preset])
    assert config == read_config({"TRAIN_PRESET": "quick"}, ["--preset", preset])


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        read_config({}, ["--help"])
    assert end.value.code == 0
    output = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in output for name in TrainingConfig().to_dict())
