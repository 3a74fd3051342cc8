"""A setting that is read but not documented, or not handed on by Compose, fails here."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from generator_service.settings import Settings as GeneratorSettings
from inference_service.settings import Settings as InferenceSettings
from trainer.config import TrainingConfig
from trainer.options import ENVIRONMENT_PREFIX
from trainer.presets import PRESETS

ROOT = Path(__file__).parents[1]


class Recorder(Mapping[str, str]):
    """An empty environment that remembers what was looked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(key)
        return default

    def __getitem__(self, key: str) -> str:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def asked_for() -> dict[str, set[str]]:
    """What each service reads."""
    generator, inference = Recorder(), Recorder()
    GeneratorSettings.from_environment(generator)
    InferenceSettings.from_environment(inference)
    read_in_main = re.findall(
        r'os\.environ, "([A-Z_]+)"', (ROOT / "trainer" / "__main__.py").read_text()
    )
    training = {f"{ENVIRONMENT_PREFIX}{f.name.upper()}" for f in dataclasses.fields(TrainingConfig)}
    trainer = set(read_in_main) | training | {f"{ENVIRONMENT_PREFIX}PRESET"}
    return {"generator": generator.asked, "inference": inference.asked, "trainer": trainer}


def documented() -> dict[str, str]:
    page = (ROOT / "docs/settings.md").read_text()
    return dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", page, re.MULTILINE))


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    only_compose = {"PORT", "TENSORBOARD_PORT", "COMPOSE_PROFILES", "FONTS_DIR"}
    assert set(documented()) - only_compose == set().union(*asked_for().values())


def test_the_documented_defaults_of_the_training_are_the_real_ones() -> None:
    table = documented()
    for field in dataclasses.fields(TrainingConfig):
        assert table[f"{ENVIRONMENT_PREFIX}{field.name.upper()}"] == (
            f"`{field.default}`" if field.default != "" else "none"
        )


def test_the_documented_presets_are_the_real_ones() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*) \| (.*) \| (.*) \| (.*) \|$", page, re.MULTILINE)
    assert {name for name, *_ in rows} == {name for preset in PRESETS.values() for name in preset}
    defaults = dataclasses.asdict(TrainingConfig())
    for name, *cells in rows:
        assert cells[0] == show(defaults[name])
        for preset, cell in zip(("best", "letters", "course"), cells[1:], strict=True):
            assert cell == show(PRESETS[preset].get(name, "")), (preset, name)


def show(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def test_compose_hands_every_setting_on() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    services = dict(re.findall(r"^  ([a-z]+):(?: &\w+)?\n((?:    .*\n)+)", compose, re.MULTILINE))
    given_by_the_image = {
        "GENERATOR_HOST", "GENERATOR_PORT", "INFERENCE_HOST", "INFERENCE_PORT", "MODELS_DIR",
        "DATA_DIR", "GENERATOR_URL", "ENGINE",
    }  # fmt: skip
    for service, asked in asked_for().items():
        for key in asked - given_by_the_image:
            assert f"      {key}: ${{{key}:-}}\n" in services[service], (service, key)
    for key in documented():
        if key in ("PORT", "TENSORBOARD_PORT", "FONTS_DIR"):
            assert f"${{{key}:-" in compose
