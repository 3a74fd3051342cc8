"""Optimizers that a training can use."""

from __future__ import annotations

import math

import keras
import tensorflow as tf
from keras import ops

from trainer.config import TrainingConfig
from trainer.networks.blocks import CLASSIFIER
from trainer.training.schedules import build_learning_rate


def build_optimizer(config: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer of a training.

    Args:
        config: hyperparameters.
        steps: steps of the whole training.
    """
    # With a time limit the schedule follows the time, and a callback sets the rate.
    rate = config.learning_rate if config.max_minutes else build_learning_rate(config, steps)
    if config.optimizer == "muon":
        return KernelMuon(
            rate,
            weight_decay=config.weight_decay,
            adam_weight_decay=config.weight_decay,
            exclude_layers=[f"{CLASSIFIER}/"],
        )
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    return keras.optimizers.Adam(rate)


class KernelMuon(keras.optimizers.Muon):  # type: ignore[misc]
    """Muon for the kernels of dense layers and of convolutions; AdamW for other variables.

    Muon orthogonalises the update of a matrix: its singular values become nearly equal
    (https://kellerjordan.github.io/posts/muon). The optimizer of Keras uses AdamW for the kernels
    of convolutions, which are most of a recogniser. Here a kernel of shape (..., inputs, channels)
    is reshaped to the matrix (... * inputs, channels).
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        rows, columns = math.prod(variable.shape[:-1]), math.prod(variable.shape[-1:])
        if min(rows, columns) == 1:  # a vector
            return True
        return any(layer in variable.path for layer in self.exclude_layers)

    def _muon_update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, lr: tf.Tensor, m: keras.Variable
    ) -> None:
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        update = ops.add(gradient, self.momentum * m)
        matrix = ops.reshape(update, (-1, variable.shape[-1]))
        step = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))
