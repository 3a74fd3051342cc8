"""The requests of the slides: three captchas, their `curl` lines, and what the answers mean."""

from __future__ import annotations

import logging
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.course.figure_file import save_figure
from trainer.course.illustrations.example_captchas import (
    BundledPrediction,
    ExampleCaptcha,
    fetch_captcha,
    predict_bundled,
)
from trainer.course.workspace import CourseWorkspace

log = logging.getLogger(__name__)

_STEP = "deployment"
_TEXTS = ("2140", "1459", "6598")
_CAPTION = (
    '"success": true means that the service answered, not that the answer is right: on the slides,'
    ' 6598 is answered as 8598, with "success": true.\n'
    "Predictions and confidences here are those of the bundled model. The service sends them in the"
    " field details: /predict?details=1"
)


def draw_deployment(workspace: CourseWorkspace) -> list[Path]:
    """Write the captchas of the slides, log the `curl` lines, and draw predictions of them.

    Returns:
        The captchas, `requests.sh` with the lines, and `deployment.png`.

    Raises:
        TrainingError: if the bundled model does not know the characters of the generator.
        GeneratorError: if a captcha cannot be fetched.
    """
    directory = workspace.step_directory(_STEP)
    captchas = [fetch_captcha(workspace, text) for text in _TEXTS]
    predictions = predict_bundled(captchas, workspace.source.spec)
    files: list[Path] = []
    for captcha in captchas:
        files.append(directory / f"{captcha.text}.png")
        files[-1].write_bytes(captcha.png)
    lines = [
        f"curl -X POST -F image=@{file.name} 'http://localhost:5000/predict'" for file in files
    ]
    for line in lines:
        log.info("%s", line)
    script = directory / "requests.sh"
    script.write_text("\n".join(lines) + "\n")
    command = workspace.describe_command(_STEP)
    return [*files, script, _draw(directory / "deployment.png", command, captchas, predictions)]


def _draw(
    target: Path,
    command: str,
    captchas: list[ExampleCaptcha],
    predictions: list[BundledPrediction],
) -> Path:
    figure = Figure(figsize=(9.6, 5.2), layout="constrained")
    figure.suptitle("Three captchas, the prediction for each, and where the doubt is shown")
    axes = figure.subplots(2, len(captchas), height_ratios=(1, 1.5))
    for column, (captcha, prediction) in enumerate(zip(captchas, predictions, strict=True)):
        _draw_captcha(axes[0, column], captcha, prediction)
        _draw_confidences(axes[1, column], prediction)
    axes[1, 0].set_ylabel("confidence of the character")
    return save_figure(figure, target, command, _CAPTION)


def _draw_captcha(axes: Axes, captcha: ExampleCaptcha, prediction: BundledPrediction) -> None:
    verdict = "right" if prediction.text == captcha.text else f"wrong: it is {captcha.text}"
    axes.imshow(captcha.colour)
    axes.set_title(
        f'{captcha.text}.png\n"success": true, "prediction": "{prediction.text}"', fontsize=9
    )
    axes.set_xlabel(f"{verdict}; whole text: {prediction.confidence:.1%}", fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_confidences(axes: Axes, prediction: BundledPrediction) -> None:
    confidences = prediction.character_confidences
    bars = axes.bar(range(len(confidences)), confidences, color="#4477aa", edgecolor="#222222")
    axes.bar_label(bars, [f"{value:.1%}" for value in confidences], fontsize=8)
    axes.set_xticks(range(len(confidences)), list(prediction.text))
    axes.set_xlabel("predicted character")
    axes.set_ylim(0, 1.12)
