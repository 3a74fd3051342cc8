"""Time that networks take for one image, on one core."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import tensorflow as tf

from shared.spec import CaptchaSpec
from trainer.config import NetworkName
from trainer.networks import build_recogniser

_WARM_UP = 5


def measure_times(
    networks: Sequence[NetworkName], spec: CaptchaSpec, repetitions: int
) -> dict[NetworkName, float]:
    """Return the median time of a prediction of one image by each network, in milliseconds.

    The networks run as `tf.function` in a process of their own, because TensorFlow can be limited
    to one thread only before it starts.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as executor:
        return executor.submit(_measure, tuple(networks), spec, repetitions).result()


def _measure(
    networks: tuple[NetworkName, ...], spec: CaptchaSpec, repetitions: int
) -> dict[NetworkName, float]:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    image = tf.constant(np.full((1, spec.height, spec.width), 200, np.uint8))
    medians: dict[NetworkName, float] = {}
    for name in networks:
        recogniser = build_recogniser(name, spec)
        predict = tf.function(lambda images, model=recogniser: model(images, training=False))
        times: list[float] = []
        for _ in range(_WARM_UP + repetitions):
            start = time.perf_counter()
            predict(image).numpy()
            times.append(time.perf_counter() - start)
        medians[name] = 1000 * statistics.median(times[_WARM_UP:])
    return medians
