"""Time that networks take for one image, on one core."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import tensorflow as tf

from shared.captchas.spec import CaptchaSpec
from trainer.config import NetworkName
from trainer.networks import build_recogniser

_WARM_UP = 5


def measure_times(
    networks: Sequence[NetworkName], spec: CaptchaSpec, repetitions: int
) -> dict[NetworkName, float]:
    """Return the median CPU time of a prediction of one image by each network, in milliseconds.

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
    recognisers = {name: build_recogniser(name, spec) for name in networks}
    # Each is traced once, here.
    functions = {
        name: tf.function(partial(recogniser, training=False)).get_concrete_function(image)
        for name, recogniser in recognisers.items()
    }
    times: dict[NetworkName, list[float]] = {name: [] for name in networks}
    # In turn, so that other work on the machine affects all networks alike.
    for _ in range(_WARM_UP + repetitions):
        for name, predict in functions.items():
            # CPU time: on a busy machine, the elapsed time includes that of other processes.
            start = time.process_time()
            predict(image).numpy()
            times[name].append(time.process_time() - start)
    return {name: 1000 * statistics.median(values[_WARM_UP:]) for name, values in times.items()}
