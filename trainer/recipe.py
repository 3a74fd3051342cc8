"""When two trainings are one: fingerprints of all that decides what comes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from shared.fingerprint import fingerprint
from trainer.config import TrainingConfig


def fingerprint_recipe(config: TrainingConfig, captchas: Mapping[str, str]) -> str:
    """16 hex digits: equal when training again would only repeat what was done.

    captchas: fingerprints of what is trained on. The gate decides about publishing, not about
    the model, and does not count; nor does where a folder lies.
    """
    values = config.to_dict() | dict(captchas)
    del values["min_accuracy"], values["folder"]
    if not config.look_alike_captchas:
        del values["look_alikes"]
    return fingerprint(values)


def fingerprint_run(config: TrainingConfig, captchas: Mapping[str, str]) -> str:
    """16 hex digits: equal when one training can go on where the other stopped.

    What decides when to stop does not count, so that one that ran out of time goes on when it is
    given more minutes. Whether there is a limit of time does: the plan of the learning rate then
    follows the clock, and what comes out is not what the passes alone would have made.
    """
    timed = float(config.max_minutes > 0)
    run = dataclasses.replace(config, target_accuracy=0.0, patience=0, max_minutes=timed)
    return fingerprint_recipe(run, captchas)
