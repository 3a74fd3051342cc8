"""A question of the captcha of pictures: its tiles, the chosen ones, and its figure."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from shared.http.schemas import PicturesBody
from shared.versions.manifest import Accuracy
from trainer.course.figure_file import save_figure


def decode_tile(tile: str) -> npt.NDArray[np.uint8]:
    """Return the pixels of a tile in base64, uint8 (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(tile))).convert("RGB"))


def choose_tiles(probabilities: npt.NDArray[np.float32], word: int) -> list[int]:
    """Return the positions of the tiles that most likely show a word.

    Args:
        probabilities: (tiles, words).
        word: the class of the question.
    """
    return np.flatnonzero(probabilities.argmax(axis=1) == word).tolist()


def draw_question(
    target: Path,
    question: PicturesBody,
    probabilities: npt.NDArray[np.float32],
    words: list[str],
    accuracy: Accuracy,
    command: str,
) -> None:
    """Draw the tiles of a question with what the network sees in each of them.

    Args:
        target: a PNG file.
        question: the question with its label.
        probabilities: of each word, (tiles, words).
        words: the words, in the order of the classes.
        accuracy: of all questions, for the title.
        command: writes the figure, for the small print.
    """
    word = words.index(question.question)
    chosen = choose_tiles(probabilities, word)
    figure = Figure(figsize=(7.2, 5.6), layout="constrained")
    low, high = accuracy.accuracy_interval_95
    figure.suptitle(
        f'"Choose every {question.question}"'
        f" (chosen: {_number(chosen)}; right: {_number(question.answer)})\n"
        f"Questions solved: {accuracy.accuracy:.1%}"
        f" (95 % interval {low:.1%} to {high:.1%}, n = {accuracy.n:,})"
    )
    for position, axes in enumerate(figure.subplots(2, 4).flat):
        axes.imshow(decode_tile(question.tiles[position]))
        best = int(probabilities[position].argmax())
        label = f"{words[best]} {probabilities[position, best]:.0%}"
        if best != word:
            label += f"\n{question.question} {probabilities[position, word]:.1%}"
        axes.set_xlabel(label, fontsize=9)
        is_right = (position in chosen) == (position in question.answer)
        axes.set_title(
            f"{position + 1}: {'chosen' if position in chosen else 'left out'}"
            f"{'' if is_right else ' (wrong)'}",
            fontsize=9,
            fontweight="bold" if position in chosen else "normal",
        )
        _frame(axes, is_chosen=position in chosen)
    caption = "Below each tile: the likeliest word and its probability"
    save_figure(figure, target, command, caption)


def _number(positions: list[int]) -> str:
    return ", ".join(str(position + 1) for position in positions) or "none"


def _frame(axes: Axes, *, is_chosen: bool) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_linewidth(4 if is_chosen else 0.5)
        spine.set_color("#111111")
