"""Measures attackers: trains them, and predicts the test captchas."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from shared.captchas.labels import decode
from shared.captchas.restriction import Predictions, Restriction, predict_texts
from shared.captchas.spec import CaptchaSpec
from trainer.audit.attack.attacker import Attacker, Trained
from trainer.audit.attack.measurement import Measurement
from trainer.audit.attack.self_trained import self_train_attacker
from trainer.audit.attack.untrained import UntrainedAttacker
from trainer.audit.captchas.audit_captchas import AuditCaptchas
from trainer.audit.plan import Task
from trainer.audit.results import Init
from trainer.data.splits import EVALUATION_BATCH_SIZE

PredictTexts = Callable[[npt.NDArray[np.uint8]], Predictions]

_TIMED_BATCHES, _TIMED_ATTEMPTS = 5, 10


class Measurer:
    """Measures attackers on captchas with one charset, length and size."""

    def __init__(self, spec: CaptchaSpec, seed: int) -> None:
        self._spec, self._seed = spec, seed
        self._restriction = Restriction.from_spec(spec)
        self._attackers: dict[Init, Attacker] = {}
        self._untrained: UntrainedAttacker | None = None

    def measure(
        self, task: Task, captchas: AuditCaptchas, report: Callable[[int], None]
    ) -> Measurement:
        """Train one attacker and predict the test captchas with it.

        Args:
            task: what to measure.
            captchas: those of the task.
            report: called with the number of completed training steps.
        """
        began = time.monotonic()
        attacker = self._get_attacker(task.init)
        train_cpu_s, steps = 0.0, 0
        predict: PredictTexts = self._predict_untrained
        trained: Trained | None = None
        if task.labels:
            split = captchas.select(task.labels)
            trained = attacker.train(split, task.steps, task.learning_rate, report)
        elif task.unlabelled:
            images = captchas.select(task.unlabelled).images
            trained = self_train_attacker(self._spec, images, self._seed, report)
        if trained:
            train_cpu_s, steps, predict = trained.cpu_s, trained.steps, self._restrict(trained)

        test = captchas.test
        starts = range(0, len(test), EVALUATION_BATCH_SIZE)
        parts = [predict(test.images[start : start + EVALUATION_BATCH_SIZE]) for start in starts]
        return Measurement(
            init=task.init,
            labels=task.labels,
            unlabelled=task.unlabelled,
            steps=steps,
            parameters=attacker.parameters,
            train_cpu_s=round(train_cpu_s, 2),
            ms_per_attempt=measure_attempt_ms(predict, test.images[:_TIMED_ATTEMPTS]),
            seconds=round(time.monotonic() - began, 2),
            texts=tuple(decode(test.labels, test.spec)),
            predictions=tuple(text for part in parts for text in part.texts),
            confidences=tuple(float(c) for part in parts for c in part.confidences),
        )

    def _get_attacker(self, init: Init) -> Attacker:
        if init not in self._attackers:
            self._attackers[init] = Attacker(init, self._spec, self._seed)
        return self._attackers[init]

    def _restrict(self, trained: Trained) -> PredictTexts:
        def predict(images: npt.NDArray[np.uint8]) -> Predictions:
            return predict_texts(trained.predict(images), self._spec, self._restriction)

        return predict

    def _predict_untrained(self, images: npt.NDArray[np.uint8]) -> Predictions:
        if self._untrained is None:
            self._untrained = UntrainedAttacker(self._spec)
        return self._untrained.predict(images)


def measure_attempt_ms(predict: PredictTexts, images: npt.NDArray[np.uint8]) -> float:
    """Return the CPU milliseconds of one prediction, image by image.

    CPU time is what one core needs, also if other programs use the machine.
    """
    predict(images[:1])  # the first call compiles
    times = []
    for _ in range(_TIMED_BATCHES):
        began = time.process_time()
        for i in range(len(images)):
            predict(images[i : i + 1])
        times.append((time.process_time() - began) / len(images))
    return round(1000 * statistics.median(times), 3)
