"""Learning-rate schedules that are known in advance: constant, and cosine with warm-up."""

from __future__ import annotations

import keras

from trainer.config import TrainingConfig

_WARM_UP_FRACTION = 0.1
_FINAL_FRACTION = 0.01


def build_learning_rate(
    config: TrainingConfig, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning rate for the optimizer.

    Args:
        config: hyperparameters.
        steps: steps of the whole training.
    """
    if config.schedule != "cosine":
        return config.learning_rate
    return build_cosine(config.learning_rate, steps)


def build_cosine(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return a cosine schedule with warm-up that ends at 1 % of its peak after so many steps."""
    warm_up = max(1, round(_WARM_UP_FRACTION * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=peak,
        warmup_steps=warm_up,
        decay_steps=max(1, steps - warm_up),
        alpha=_FINAL_FRACTION,
    )
