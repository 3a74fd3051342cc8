"""Settings and options: defaults, precedence, and errors that name the variable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.settings import SettingsError
from trainer.config import TrainingConfig, list_presets, read_preset
from trainer.settings import TrainerSettings, TrainingOptions

pytestmark = pytest.mark.usefixtures("no_settings")


def build(*arguments: str) -> TrainingConfig:
    return TrainingOptions.parse(arguments).build_config()


def test_the_settings_have_defaults_for_one_machine() -> None:
    assert TrainerSettings.load().model_dump() == {
        "generator_url": "http://127.0.0.1:8000",
        "generator_timeout_s": 120.0,
        "models_dir": Path("models"),
        "models_url": None,
        "data_dir": Path("data"),
    }


def test_every_setting_is_read_from_the_variable_of_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GENERATOR_URL", "https://generator.example:9000")
    monkeypatch.setenv("GENERATOR_TIMEOUT_S", "2.5")
    monkeypatch.setenv("MODELS_DIR", "/m")
    monkeypatch.setenv("MODELS_URL", "s3://bucket/path")
    monkeypatch.setenv("DATA_DIR", "/d")
    assert TrainerSettings.load().model_dump() == {
        "generator_url": "https://generator.example:9000",
        "generator_timeout_s": 2.5,
        "models_dir": Path("/m"),
        "models_url": "s3://bucket/path",
        "data_dir": Path("/d"),
    }


@pytest.mark.parametrize("url", ["https://host/path", "/models", "s3://"])
def test_versions_are_uploaded_only_to_stores_that_can_be_written(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("MODELS_URL", url)
    with pytest.raises(SettingsError, match=r"MODELS_URL: must be a URL that starts with s3://"):
        TrainerSettings.load()


@pytest.mark.parametrize(("timeout_s", "is_valid"), [
    ("0", True), ("-0.001", False), ("86400", True), ("86400.1", False), ("nan", False),
])  # fmt: skip
def test_the_timeout_of_the_generator_is_at_most_a_day(
    monkeypatch: pytest.MonkeyPatch, timeout_s: str, is_valid: bool
) -> None:
    monkeypatch.setenv("GENERATOR_TIMEOUT_S", timeout_s)
    if is_valid:
        assert TrainerSettings.load().generator_timeout_s == float(timeout_s)
    else:
        with pytest.raises(SettingsError, match=r"^GENERATOR_TIMEOUT_S: Input should be "):
            TrainerSettings.load()


@pytest.mark.parametrize("url", ["http://generator:8000", "https://g", "http://[::1]:80/prefix"])
def test_an_address_with_scheme_and_host_is_accepted(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("GENERATOR_URL", url)
    assert TrainerSettings.load().generator_url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("generator:8000", "Input should be a URL such as http://host:port"),
        ("ftp://generator", "Input should be a URL such as http://host:port"),
        ("http:///x", "Input should be a URL such as http://host:port"),
        ("http://localhost:80o0", "Input should be a URL (Invalid port: '80o0')"),
        ("http://[::1", "Input should be a URL ("),
        ("http://.a:1", "Input should be a URL ("),
        ("http://" + 70 * "a", "Input should be a URL ("),
    ],
)
def test_an_invalid_address_is_rejected_with_its_value(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    monkeypatch.setenv("GENERATOR_URL", url)
    with pytest.raises(SettingsError) as caught:
        TrainerSettings.load()
    assert str(caught.value).startswith(f"GENERATOR_URL: {reason}")
    assert str(caught.value).endswith(f", not {url!r}")


def test_without_options_the_config_is_the_default() -> None:
    options = TrainingOptions.parse([])
    assert options.preset is None
    assert options.image_folder is None
    assert options.build_config() == TrainingConfig()


def test_options_override_the_environment_which_overrides_the_preset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRAIN_PRESET", "course")
    monkeypatch.setenv("TRAIN_EPOCHS", "3")
    monkeypatch.setenv("TRAIN_SEED", "9")
    config = build("--epochs", "2")
    assert (config.network, config.batch_size) == ("course", 100)
    assert (config.epochs, config.seed) == (2, 9)


def test_every_option_is_read_from_the_command_line_and_from_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {
        "preset": "best",
        "image_folder": "own",
        "captchas": "6000",
        "styles": "classic,current",
        "network": "wide",
        "init": "scratch",
        "epochs": "2",
        "batch_size": "32",
        "learning_rate": "0.5",
        "seed": "7",
        "target_accuracy": "0.5",
        "patience": "3",
        "max_minutes": "1.5",
        "min_accuracy": "0.25",
    }
    expected = {
        "preset": "best",
        "image_folder": Path("own"),
        "captchas": 6_000,
        "styles": ("classic", "current"),
        "network": "wide",
        "init": "scratch",
        "epochs": 2,
        "batch_size": 32,
        "learning_rate": 0.5,
        "seed": 7,
        "target_accuracy": 0.5,
        "patience": 3,
        "max_minutes": 1.5,
        "min_accuracy": 0.25,
    }
    assert set(given) == set(TrainingOptions.model_fields)
    pairs = [(f"--{name.replace('_', '-')}", value) for name, value in given.items()]
    options = TrainingOptions.parse([part for pair in pairs for part in pair])
    assert options.model_dump() == expected
    for name, value in given.items():
        monkeypatch.setenv(f"TRAIN_{name.upper()}", value)
    options = TrainingOptions.parse([])
    assert options.model_dump() == expected
    trained = {key: expected[key] for key in expected if key not in {"preset", "image_folder"}}
    assert options.build_config() == TrainingConfig(**(read_preset("best") | trained))


def test_an_image_folder_is_used_alone_unless_captchas_are_requested() -> None:
    assert build("--image-folder", "own").captchas == 0
    assert build("--image-folder", "own", "--captchas", "500").captchas == 500
    assert build("--image-folder", "own", "--preset", "base").synthetic_captchas == 0


def test_an_image_folder_alone_has_a_preset_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = TrainingConfig(**read_preset("folder"))
    assert build("--image-folder", "own") == folder
    assert build("--image-folder", "own", "--captchas", "0") == folder
    assert build("--image-folder", "own", "--captchas", "500") == build("--captchas", "500")
    quick = build("--image-folder", "own", "--preset", "quick")
    assert quick.augment_fraction == TrainingConfig().augment_fraction < folder.augment_fraction
    monkeypatch.setenv("TRAIN_PRESET", "")
    assert build("--image-folder", "own") == folder
    monkeypatch.setenv("TRAIN_PRESET", "best")
    assert build("--image-folder", "own").epochs == 4


def test_zero_is_a_value() -> None:
    config = build("--min-accuracy", "0", "--seed", "0")
    assert (config.min_accuracy, config.seed) == (0.0, 0)


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TrainingOptions.model_fields:
        monkeypatch.setenv(f"TRAIN_{name.upper()}", "")
    assert TrainingOptions.parse([]) == TrainingOptions()
    assert build() == TrainingConfig()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"TRAIN_EPOCHS": "many"},
            "TRAIN_EPOCHS: Input should be a valid integer, unable to parse string as an integer,"
            " not 'many'",
        ),
        (
            {"TRAIN_EPOCHS": "0"},
            "TRAIN_EPOCHS: Input should be greater than or equal to 1, not 0",
        ),
        (
            {"TRAIN_NETWORK": "resnet"},
            "TRAIN_NETWORK: Input should be 'compact', 'medium', 'wide', 'course', 'alexnet' or"
            " 'vgg', not 'resnet'",
        ),
        (
            {"TRAIN_PRESET": "slow"},
            "TRAIN_PRESET: Input should be one of base, best, course, folder, letters, quick,"
            " scratch or the path of a .toml file, not 'slow'",
        ),
        (
            {"TRAIN_LEARNING_RATE": "-1"},
            "TRAIN_LEARNING_RATE: Input should be greater than 0, not -1.0",
        ),
        (
            {"TRAIN_LEARNING_RATE": "nan"},
            "TRAIN_LEARNING_RATE: Input should be a finite number, not nan",
        ),
        (
            {"TRAIN_MIN_ACCURACY": "99"},
            "TRAIN_MIN_ACCURACY: Input should be less than or equal to 1, not 99.0",
        ),
        (
            {"TRAIN_BATCH_SIZE": "100000"},
            "TRAIN_BATCH_SIZE: Input should be less than or equal to 1024, not 100000",
        ),
        (
            {"TRAIN_BATCH_SIZE": "64", "TRAIN_CAPTCHAS": "10"},
            "batch_size (64) must not exceed captchas (10)",
        ),
        (
            {"TRAIN_SEED": "-1"},
            "TRAIN_SEED: Input should be greater than or equal to 0, not -1",
        ),
        (
            {"TRAIN_STYLES": "old"},
            "TRAIN_STYLES: Input should be 'current', 'classic', 'vintage', 'synthetic', 'gimpy',"
            " 'line' or 'crowded', not 'old'",
        ),
        (
            {"TRAIN_STYLES": "classic,classic"},
            "TRAIN_STYLES: Input should list at least one style, each once,"
            " not ('classic', 'classic')",
        ),
        (
            {"TRAIN_PATIENCE": "-1"},
            "TRAIN_PATIENCE: Input should be greater than or equal to 0, not -1",
        ),
        (
            {"TRAIN_MAX_MINUTES": "nan"},
            "TRAIN_MAX_MINUTES: Input should be a finite number, not nan",
        ),
        (
            {"TRAIN_TARGET_ACCURACY": "0.9", "TRAIN_PRESET": "course"},
            "target_accuracy needs at least 5000 validation_captchas, not 2000",
        ),
        (
            {"TRAIN_EPOCHS": "0", "TRAIN_PATIENCE": "-1"},
            "TRAIN_EPOCHS: Input should be greater than or equal to 1, not 0;"
            " TRAIN_PATIENCE: Input should be greater than or equal to 0, not -1",
        ),
    ],
)
def test_an_invalid_value_is_rejected_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], message: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        build()
    assert str(caught.value) == message
    assert caught.value.__suppress_context__


def test_unknown_variables_are_rejected_with_the_list_of_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRAIN_LOSS", "")
    monkeypatch.setenv("TRAIN_EPOCH", "3")
    monkeypatch.setenv("TRAINING", "1")
    with pytest.raises(SettingsError) as caught:
        TrainingOptions.parse([])
    assert str(caught.value) == (
        "unknown setting TRAIN_EPOCH, TRAIN_LOSS; the settings are TRAIN_BATCH_SIZE,"
        " TRAIN_CAPTCHAS, TRAIN_EPOCHS, TRAIN_IMAGE_FOLDER, TRAIN_INIT,"
        " TRAIN_LEARNING_RATE, TRAIN_MAX_MINUTES, TRAIN_MIN_ACCURACY, TRAIN_NETWORK,"
        " TRAIN_PATIENCE, TRAIN_PRESET, TRAIN_SEED, TRAIN_STYLES, TRAIN_TARGET_ACCURACY"
    )


@pytest.mark.parametrize("option", ["--epoch-count", "--epoch", "--loss", "--max_minutes"])
def test_an_unknown_or_shortened_option_ends_with_status_2(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        TrainingOptions.parse([option, "3"])
    assert caught.value.code == 2
    assert f"unrecognized arguments: {option} 3" in capsys.readouterr().err


def test_an_unknown_hyperparameter_of_a_preset_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("epoch = 3\n")
    with pytest.raises(SettingsError, match=r"^epoch: Extra inputs are not permitted, not 3$"):
        build("--preset", str(path))


def test_a_preset_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    message = rf"^TRAIN_PRESET: the preset {path} cannot be read \(.*\), not '{path}'$"
    with pytest.raises(SettingsError, match=message) as caught:
        build("--preset", str(path))
    assert caught.value.__suppress_context__


def test_an_image_folder_alone_removes_the_additional_captchas_of_a_preset(tmp_path: Path) -> None:
    config = build("--preset", "base", "--captchas", "0", "--image-folder", "own")
    assert (config.captchas, config.synthetic_captchas, config.epochs) == (0, 0, 12)
    assert build("--preset", "base", "--captchas", "1000").synthetic_captchas == 290_000
    path = tmp_path / "own.toml"
    path.write_text("captchas = 0\nsynthetic_captchas = 7\n")
    with pytest.raises(SettingsError, match=r"^synthetic_captchas must be 0 if captchas is 0$"):
        build("--preset", str(path))


def test_a_target_accuracy_on_an_image_folder_alone_needs_no_captchas_of_the_generator() -> None:
    config = build("--preset", "course", "--captchas", "0", "--target-accuracy", "0.9")
    assert (config.target_accuracy, config.validation_captchas) == (0.9, 2_000)


@pytest.mark.parametrize("preset", list_presets())
def test_a_preset_sets_what_its_file_says(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = TrainingConfig(**read_preset(preset))
    assert build("--preset", preset) == expected
    monkeypatch.setenv("TRAIN_PRESET", preset)
    assert build() == expected


def test_the_help_describes_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        TrainingOptions.parse(["--help"])
    assert caught.value.code == 0
    output = capsys.readouterr().out
    assert output.startswith("usage: python -m trainer [-h]")
    shown = re.sub(r"\s+", " ", output)
    for name, field in TrainingOptions.model_fields.items():
        assert f" --{name.replace('_', '-')} " in shown
        assert field.description is not None
        assert field.description in shown
