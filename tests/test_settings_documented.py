"""Settings classes, the documentation and docker-compose.yml contain the same settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from generator_service.settings import Settings as GeneratorSettings
from generator_service.settings import SyntheticSettings
from inference_service.settings import Settings as InferenceSettings
from inference_service.sync.settings import SyncSettings
from trainer.config import TrainingConfig, list_presets, read_preset
from trainer.settings import TrainerSettings, TrainingOptions

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/settings.md").read_text()
TRAINING_PAGE = (ROOT / "docs/training.md").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()

# Variables that only docker-compose.yml reads.
COMPOSE_ONLY = {
    "PORT", "ADMIN_PORT", "TOKENS_DIR", "TLS_DIR", "RATE_LIMIT", "CONNECTION_LIMIT",
    "TENSORBOARD_PORT", "COMPOSE_PROFILES", "FONTS_DIR", "VOICES_DIR",
    "PRESETS_DIR", "GENERATOR_TARGET", "PROMETHEUS_PORT", "GRAFANA_PORT",
}  # fmt: skip
# Variables that Compose does not pass on: the images set them, or docker-compose.yml does.
SET_BY_THE_IMAGE = {
    "GENERATOR_HOST", "GENERATOR_PORT", "INFERENCE_HOST", "INFERENCE_PORT", "MODELS_DIR",
    "DATA_DIR", "GENERATOR_URL", "ENGINE", "CAPTCHA_FONT_DIRECTORY",
}  # fmt: skip
# deploy/compose.object-store.yml reads these from deploy/store.env.
IN_STORE_ENV = {"MODELS_URL", "SYNC_POLL_S"}
# `make train DATA=folder` mounts the folder and passes it as an option.
ONLY_BY_MAKE = {"TRAIN_IMAGE_FOLDER"}


def list_variables(settings: type[BaseSettings]) -> dict[str, str]:
    """Return the environment variables of a settings class with the names of their fields."""
    prefix = settings.model_config.get("env_prefix", "")
    variables = {}
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            alias = alias.choices[0]
        variables[str(alias) if alias else f"{prefix}{name}".upper()] = name
    return variables


SETTINGS: dict[str, list[type[BaseSettings]]] = {
    "generator": [GeneratorSettings, SyntheticSettings],
    "inference": [InferenceSettings],
    "trainer": [TrainerSettings, TrainingOptions],
}
VARIABLES = {
    service: set().union(*map(list_variables, classes)) for service, classes in SETTINGS.items()
}


def documented() -> dict[str, str]:
    """Return the variables of the tables with the text in the column of defaults."""
    return dict(re.findall(r"^\| `([A-Z][A-Z_]+)` \| (.*?) \|", PAGE, re.MULTILINE))


def passed_by_compose(service: str) -> dict[str, str]:
    """Return the environment of a service in docker-compose.yml."""
    blocks = dict(re.findall(r"^  ([a-z]+):(?: &\w+)?\n((?:    .*\n|\n)+)", COMPOSE, re.MULTILINE))
    return dict(re.findall(r"^      ([A-Z_]+): (.+)$", blocks[service], re.MULTILINE))


def test_the_public_settings_of_the_trainer_are_few() -> None:
    assert set(list_variables(TrainingOptions)) == {
        "TRAIN_PRESET", "TRAIN_IMAGE_FOLDER", "TRAIN_CAPTCHAS", "TRAIN_STYLES", "TRAIN_NETWORK",
        "TRAIN_INIT",
        "TRAIN_EPOCHS", "TRAIN_BATCH_SIZE", "TRAIN_LEARNING_RATE", "TRAIN_SEED",
        "TRAIN_TARGET_ACCURACY", "TRAIN_PATIENCE", "TRAIN_MAX_MINUTES", "TRAIN_MIN_ACCURACY",
    }  # fmt: skip


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    sync = list_variables(SyncSettings)
    assert set(documented()) == COMPOSE_ONLY.union(sync, *VARIABLES.values())


def test_documented_defaults_of_hyperparameters_are_the_real_ones() -> None:
    table = documented()
    for variable, field in list_variables(TrainingOptions).items():
        if field in TrainingConfig.model_fields:
            assert table[variable] == f"`{show(TrainingConfig.model_fields[field].default)}`"


@pytest.mark.parametrize(
    "settings",
    [GeneratorSettings, SyntheticSettings, InferenceSettings, SyncSettings, TrainerSettings],
)
def test_documented_defaults_of_settings_are_the_real_ones(settings: type[BaseSettings]) -> None:
    table = documented()
    for variable, name in list_variables(settings).items():
        default = settings.model_fields[name].default
        if isinstance(default, int | float | str) and default is not PydanticUndefined:
            assert table[variable].startswith(f"`{show(default)}`"), variable


def test_the_documented_ranges_of_the_synthetic_style_are_the_real_ones() -> None:
    meanings = dict(re.findall(r"^\| `(SYNTHETIC_\w+)` \| .*? \| (.*) \|$", PAGE, re.MULTILINE))
    for variable, name in list_variables(SyntheticSettings).items():
        low, high = SyntheticSettings.model_fields[name].metadata
        assert f", {low.ge:,} to {high.le:,}" in meanings[variable], variable


def show(value: object) -> str:
    """Return a value as it is written in the environment."""
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_every_hyperparameter_is_documented_with_its_default() -> None:
    section = TRAINING_PAGE.partition("## Hyperparameters\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z_]+)`(?: \*)? \| (.*?) \|", section, re.MULTILINE)
    fields = TrainingConfig.model_fields
    assert rows == [(name, show_default(field.default)) for name, field in fields.items()]


def test_hyperparameters_that_are_also_variables_are_marked() -> None:
    marked = set(re.findall(r"^\| `([a-z_]+)` \* \|", TRAINING_PAGE, re.MULTILINE))
    assert marked == TrainingConfig.model_fields.keys() & TrainingOptions.model_fields.keys()


def show_default(value: object) -> str:
    """Return a hyperparameter as docs/training.md shows it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        is_size = all(isinstance(side, int) for side in value)
        return "x".join(map(str, value)) if is_size else ", ".join(map(show_default, value))
    if isinstance(value, str):
        return f"`{value}`"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def read_preset_table() -> dict[str, dict[str, str]]:
    """Return the cells of the table of presets by preset and hyperparameter."""
    head = re.search(r"^\| hyperparameter \|(.*)\|\n", PAGE, re.MULTILINE)
    assert head
    presets = [cell.strip(" `") for cell in head[1].split("|")]
    rows = re.findall(r"^\| `([a-z_]+)` \|(.*)\|$", PAGE[head.end() :], re.MULTILINE)
    cells = {name: [cell.strip() for cell in row.split("|")] for name, row in rows}
    return {
        preset: {name: row[i] for name, row in cells.items()} for i, preset in enumerate(presets)
    }


def test_the_table_of_presets_has_their_values() -> None:
    table = read_preset_table()
    assert sorted(table) == list_presets()
    for preset, cells in table.items():
        values = read_preset(preset)
        assert set(values) <= set(cells), preset
        for name, cell in cells.items():
            default = getattr(TrainingConfig(), name)
            shown = show_default(values.get(name, default)).replace("`", "")
            assert (cell or table["quick"][name]) == shown, (preset, name)


@pytest.mark.parametrize("service", VARIABLES)
def test_compose_passes_every_setting_and_no_others(service: str) -> None:
    given = passed_by_compose(service)
    expected = VARIABLES[service] - SET_BY_THE_IMAGE - ONLY_BY_MAKE - IN_STORE_ENV
    assert {name for name, value in given.items() if value == f"${{{name}:-}}"} == expected
    fixed = set(given) - expected
    assert fixed <= SET_BY_THE_IMAGE | {"CUDA_VISIBLE_DEVICES"}


def test_compose_reads_its_own_variables() -> None:
    for name in COMPOSE_ONLY - {"COMPOSE_PROFILES"}:
        assert f"${{{name}:-" in COMPOSE, name


def test_the_variables_in_the_example_environment_exist() -> None:
    example = (ROOT / ".env").read_text()
    names = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert names
    assert names <= set(documented())
