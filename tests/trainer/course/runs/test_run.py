from __future__ import annotations

import pytest

from trainer.course.comparisons.learning_rates import list_rate_runs
from trainer.course.comparisons.losses import list_loss_runs
from trainer.course.comparisons.optimizers import list_optimizer_runs
from trainer.course.runs.run import Run


def test_the_name_shows_what_is_trained() -> None:
    run = Run("course", "sgd", "mean_squared_error", 1e-05, 100, epochs=10)
    assert run.name == "course_sgd_mean_squared_error_lr_1e-05_bs_100_epochs_10"


def test_the_name_of_a_run_with_a_time_limit_shows_the_minutes() -> None:
    run = Run("vgg", "adam", "poisson", 0.001, 50, minutes=0.5)
    assert run.name == "vgg_adam_poisson_lr_0.001_bs_50_minutes_0.5"


@pytest.mark.parametrize(("epochs", "minutes"), [(0, 0.0), (3, 1.0)])
def test_a_run_ends_after_epochs_or_after_minutes(epochs: int, minutes: float) -> None:
    with pytest.raises(ValueError, match="epochs or minutes"):
        Run("vgg", "adam", "poisson", 0.001, 50, epochs, minutes)


def test_the_comparisons_share_their_run_with_adam() -> None:
    losses, optimizers = set(list_loss_runs("small")), set(list_optimizer_runs("small"))
    shared = losses & optimizers & set(list_rate_runs("small"))
    assert [(run.optimizer, run.loss) for run in shared] == [("adam", "categorical_crossentropy")]


def test_runs_of_a_comparison_differ_in_their_names() -> None:
    for runs in (list_loss_runs("full"), list_optimizer_runs("full"), list_rate_runs("full")):
        assert len({run.name for run in runs}) == len(runs)
