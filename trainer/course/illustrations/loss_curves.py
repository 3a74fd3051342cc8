"""The curves of the slides on cross-entropy, with formulas that hold.

Two formulas on the slides have a wrong sign: the second term of the binary cross-entropy, which is
-(1 - t) log(1 - s), and the exponent of the sigmoid, which is -s.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.course.figure_file import save_figure
from trainer.course.workspace import CourseWorkspace

_STEP = "loss-curves"
_MIN_PROBABILITY = 1e-3
_MAX_SCORE = 6.0
_CLASSES = 10

Values = npt.NDArray[np.float64]


def binary_cross_entropy(truth: float, probability: Values) -> Values:
    """Return -t log(s) - (1 - t) log(1 - s).

    Args:
        truth: t, 0 or 1.
        probability: s, above 0 and below 1.
    """
    loss: Values = -truth * np.log(probability) - (1 - truth) * np.log1p(-probability)
    return loss


def sigmoid(score: Values) -> Values:
    """Return 1 / (1 + exp(-s))."""
    probability: Values = 1 / (1 + np.exp(-score))
    return probability


def softmax_cross_entropy(score: Values, others: int) -> Values:
    """Return -log(softmax) of the right class, while all other classes have the score 0."""
    loss: Values = -score + np.log(np.exp(score) + others)
    return loss


def draw_loss_curves(workspace: CourseWorkspace) -> list[Path]:
    """Draw cross-entropy over the probability and over the score, and what the slides print.

    Returns:
        `loss-curves.png`.
    """
    figure = Figure(figsize=(10.5, 8.6), layout="constrained")
    figure.suptitle("Cross-entropy: what a prediction costs (natural logarithm, in nats)")
    axes = figure.subplots(2, 2)
    _draw_probabilities(axes[0, 0])
    _draw_sigmoid(axes[0, 1])
    _draw_scores(axes[1, 0])
    _draw_printed(axes[1, 1])
    for one in axes.flat:
        one.grid(alpha=0.3)
    target = workspace.step_directory(_STEP) / "loss-curves.png"
    caption = (
        "Dotted: as printed on the slides, with the wrong sign of the second term and of the"
        " exponent"
    )
    return [save_figure(figure, target, workspace.describe_command(_STEP), caption)]


def _draw_probabilities(axes: Axes) -> None:
    probability = np.linspace(_MIN_PROBABILITY, 1 - _MIN_PROBABILITY, 500)
    axes.plot(
        probability, binary_cross_entropy(1, probability), "-", color="#4477aa", linewidth=2,
        label=r"$t = 1$: $-\log(s)$",
    )  # fmt: skip
    axes.plot(
        probability, binary_cross_entropy(0, probability), "--", color="#cc5544", linewidth=2,
        label=r"$t = 0$: $-\log(1 - s)$",
    )  # fmt: skip
    for value, side in ((0.9, "left"), (0.1, "right"), (0.01, "right")):
        loss = -float(np.log(value))
        axes.plot(value, loss, "o", color="#222222", markersize=5)
        axes.annotate(
            f"$-\\log({value}) = {loss:.2f}$", (value, loss), fontsize=9,
            xytext=(8, 4) if side == "right" else (-4, 22), textcoords="offset points",
            ha="left" if side == "right" else "right",
        )  # fmt: skip
    axes.set_title(
        "Over the probability\n" r"$CE = -t\,\log(s) - (1 - t)\,\log(1 - s)$", fontsize=11
    )
    axes.set_xlabel("predicted probability s")
    axes.set_ylabel("loss (nats)")
    axes.set_ylim(0, 7)
    axes.legend(loc="upper center")


def _draw_sigmoid(axes: Axes) -> None:
    score = np.linspace(-_MAX_SCORE, _MAX_SCORE, 300)
    axes.plot(
        score, sigmoid(score), "-", color="#4477aa", linewidth=2,
        label=r"right: $1 / (1 + e^{-s})$ rises with the score",
    )  # fmt: skip
    axes.plot(
        score, sigmoid(-score), ":", color="#222222", linewidth=2,
        label=r"as printed: $1 / (1 + e^{s})$ falls",
    )  # fmt: skip
    axes.set_title(
        "The sigmoid turns a score into a probability\n" r"$f(s) = 1 / (1 + e^{-s})$", fontsize=11
    )
    axes.set_xlabel("score s (logit)")
    axes.set_ylabel("probability f(s)")
    axes.set_ylim(-0.02, 1.3)
    axes.legend(loc="upper center")


def _draw_scores(axes: Axes) -> None:
    score = np.linspace(-_MAX_SCORE, _MAX_SCORE, 300)
    probability = sigmoid(score)
    axes.plot(
        score, binary_cross_entropy(1, probability), "-", color="#4477aa", linewidth=2,
        label=r"sigmoid, $t = 1$: $-\log f(s)$",
    )  # fmt: skip
    axes.plot(
        score, binary_cross_entropy(0, probability), "--", color="#cc5544", linewidth=2,
        label=r"sigmoid, $t = 0$: $-\log(1 - f(s))$",
    )  # fmt: skip
    axes.plot(
        score, softmax_cross_entropy(score, _CLASSES - 1), "-.", color="#228833", linewidth=2,
        label=f"softmax over {_CLASSES} digits, the right digit has the score s,\nall others 0",
    )  # fmt: skip
    axes.set_title(
        "Over the score, for the class p\n"
        r"softmax: $CE = -\log\,(e^{s_p} / \sum_j e^{s_j})$",
        fontsize=11,
    )
    axes.set_xlabel("score s (logit)")
    axes.set_ylabel("loss (nats)")
    axes.set_ylim(0, 11.5)
    axes.legend(loc="upper center", fontsize=9)


def _draw_printed(axes: Axes) -> None:
    probability = np.linspace(_MIN_PROBABILITY, 1 - _MIN_PROBABILITY, 500)
    axes.plot(
        probability, binary_cross_entropy(0, probability), "--", color="#cc5544", linewidth=2,
        label=r"right, $t = 0$: $-(1 - t)\,\log(1 - s)$",
    )  # fmt: skip
    axes.plot(
        probability, -binary_cross_entropy(0, probability), ":", color="#222222", linewidth=2,
        label=r"as printed, $t = 0$: $+(1 - t)\,\log(1 - s)$",
    )  # fmt: skip
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.annotate(
        "lower, so \"better\", the more\nwrong the prediction is", (0.985, -4.2), fontsize=9,
        xytext=(0.42, -5.2), arrowprops={"arrowstyle": "->"},
    )  # fmt: skip
    axes.set_title("The sign of the second term decides\nwhat a training minimises", fontsize=11)
    axes.set_xlabel("predicted probability s of a class that is not there")
    axes.set_ylabel("second term (nats)")
    axes.set_ylim(-7, 7)
    axes.legend(loc="upper left", fontsize=9)
