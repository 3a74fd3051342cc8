from __future__ import annotations

import dataclasses

from trainer.config import TrainingConfig
from trainer.recipe import fingerprint_recipe, fingerprint_run


def test_the_recipe_changes_with_all_that_changes_the_model_and_not_with_the_gate() -> None:
    captchas = {"spec": "a", "drawing": "b", "own": "c"}
    base = fingerprint_recipe(TrainingConfig(), captchas)
    assert fingerprint_recipe(TrainingConfig(min_accuracy=0.1), captchas) == base
    assert fingerprint_recipe(TrainingConfig(folder="/elsewhere"), captchas) == base
    changed = {
        "network": "wide",
        "drawings": "classic",
        "loss": "binary_crossentropy",
        "optimizer": "adam",
        "schedule": "watchful",
    }
    others = {fingerprint_recipe(TrainingConfig(), captchas | {name: "other"}) for name in captchas}
    fields = {field.name: field.default for field in dataclasses.fields(TrainingConfig)}
    for name in ("min_accuracy", "folder", "look_alikes"):
        del fields[name]
    for name, default in fields.items():
        value = changed[name] if isinstance(default, str) else default + 1
        if name in ("variation", "focus", "weight_decay", "learning_rate", "target_accuracy"):
            value = default + 0.01
        others.add(fingerprint_recipe(TrainingConfig(**{name: value}), captchas))
    drawn = TrainingConfig(look_alike_captchas=2)
    assert TrainingConfig().look_alike_captchas == 0
    others.add(fingerprint_recipe(dataclasses.replace(drawn, look_alikes="17"), captchas))
    assert fingerprint_recipe(dataclasses.replace(drawn, look_alikes="71"), captchas) not in others
    assert len(others | {base}) == 1 + len(captchas) + len(fields) + 1
    # Look-alikes of which no captcha is drawn.
    assert fingerprint_recipe(TrainingConfig(look_alikes="17"), captchas) == base


def test_a_run_is_the_same_whenever_it_is_to_stop() -> None:
    base = fingerprint_run(TrainingConfig(), {})
    assert fingerprint_run(TrainingConfig(target_accuracy=0.5, patience=2), {}) == base
    assert fingerprint_run(TrainingConfig(learning_rate=0.1), {}) != base


def test_more_minutes_are_the_same_run_and_a_limit_at_all_is_another() -> None:
    timed = fingerprint_run(TrainingConfig(max_minutes=5), {})
    assert fingerprint_run(TrainingConfig(max_minutes=0.5), {}) == timed
    assert fingerprint_run(TrainingConfig(), {}) != timed
