"""What convolution extracts: filters and feature maps of the course's network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shared.captchas.images import decode_image
from trainer.course.figure_file import save_figure
from trainer.course.illustrations.example_captchas import fetch_captcha
from trainer.course.workspace import CourseWorkspace, SizeName
from trainer.data.fetched_split import fetch_split
from trainer.data.splits import Split
from trainer.networks import build_recogniser

_STEP = "features"
_TEXT = "6046"
_BATCH_SIZE = 32
_MAPS = 8
_LAYERS = {
    "relu1": "after the 1st convolution: edges, filled areas and background, pixel by pixel",
    "pool2": "after the 2nd convolution and pooling: strokes, at half the resolution",
    "relu3": "after the 3rd convolution: lines of one direction, and other parts of characters",
    "pool3": "after pooling: what the four classifiers see, at a quarter of the resolution",
}


@dataclass(frozen=True)
class _Size:
    """Training captchas, and how often each of them is shown."""

    captchas: int
    epochs: int


_SIZES: dict[SizeName, _Size] = {
    "tiny": _Size(32, 1),
    "small": _Size(1_600, 1),
    "full": _Size(5_000, 10),
}


def draw_features(workspace: CourseWorkspace) -> list[Path]:
    """Train the course's network shortly, and draw its filters and what they find in a captcha.

    Returns:
        `filters.png` and `feature-maps.png`.

    Raises:
        GeneratorError: if the captchas cannot be fetched.
    """
    size, spec = _SIZES[workspace.size], workspace.source.spec
    captcha = fetch_captcha(workspace, _TEXT)
    keras.utils.set_random_seed(workspace.seed)
    recogniser = build_recogniser("course", spec)
    before = _read_filters(recogniser)
    captchas = fetch_split(
        workspace.client, workspace.source, "train", workspace.seed, size.captchas
    )
    _train(recogniser, captchas, size.epochs)
    trained = f"trained on {size.captchas:,} captchas, {size.epochs} epochs".replace(
        ", 1 epochs", " once"
    )
    grey = decode_image(captcha.png, spec)
    directory, command = workspace.step_directory(_STEP), workspace.describe_command(_STEP)
    return [
        _draw_filters(
            directory / "filters.png", command, before, _read_filters(recogniser), trained
        ),
        _draw_maps(directory / "feature-maps.png", command, recogniser, grey, trained),
    ]


def _train(recogniser: keras.Model, split: Split, epochs: int) -> None:
    labels = np.eye(split.spec.classes, dtype=np.float32)[split.labels]
    recogniser.compile(keras.optimizers.Adam(0.001), "categorical_crossentropy", jit_compile=False)
    recogniser.fit(split.images[:], labels, batch_size=_BATCH_SIZE, epochs=epochs, verbose=0)


def _read_filters(recogniser: keras.Model) -> npt.NDArray[np.float32]:
    """Return the filters of the first layer, (filters, 3, 3)."""
    kernel = recogniser.get_layer("course").get_layer("conv1").kernel.numpy()
    filters: npt.NDArray[np.float32] = np.moveaxis(kernel[:, :, 0], 2, 0)
    return filters


def find_feature_maps(
    recogniser: keras.Model, layer: str, grey: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Return the output of a layer of the course's network for one captcha.

    Args:
        recogniser: with the network `course`.
        layer: name of the layer.
        grey: uint8 (height, width).

    Returns:
        (rows, columns, channels).
    """
    network = recogniser.get_layer("course")
    until = keras.Model(network.inputs[0], network.get_layer(layer).output)
    maps: npt.NDArray[np.float32] = until(
        grey[np.newaxis, ..., np.newaxis] / np.float32(255)
    ).numpy()
    first: npt.NDArray[np.float32] = maps[0]
    return first


def choose_channels(maps: npt.NDArray[np.float32], count: int) -> list[int]:
    """Return the channels with the greatest standard deviation: they show most."""
    order = np.argsort(-maps.std(axis=(0, 1)), kind="stable")
    channels: list[int] = order[:count].tolist()
    return channels


def _draw_filters(
    target: Path,
    command: str,
    before: npt.NDArray[np.float32],
    after: npt.NDArray[np.float32],
    trained: str,
) -> Path:
    figure = Figure(figsize=(10.5, 7), layout="constrained")
    figure.suptitle(f"The {len(after)} filters of the first convolution, 3x3 pixels each")
    change = after - before
    share = float(np.linalg.norm(change) / np.linalg.norm(before))
    limit = float(max(np.abs(before).max(), np.abs(after).max()))
    rows = (
        (before, limit, "before the training: random"),
        (after, limit, f"after it: {trained}"),
        (
            change,
            float(np.abs(change).max()),
            f"the difference, {share:.0%} of the weights, with a scale of its own",
        ),
    )
    parts = np.asarray(figure.subfigures(3, 1))
    for part, (weights, scale, title) in zip(parts, rows, strict=True):
        part.suptitle(title, fontsize=10)
        for number, axes in enumerate(part.subplots(2, len(weights) // 2).flat):
            image = axes.imshow(weights[number], cmap="gray", vmin=-scale, vmax=scale)
            axes.set_title(f"{number}", fontsize=8, pad=2)
            _hide_ticks(axes)
        part.colorbar(image, ax=part.axes, label="weight", shrink=0.9)
    caption = (
        "White weights add the brightness of a pixel, black ones subtract it. White beside black"
        " finds an edge, equal weights find areas.\nRandom filters do so too: a short training"
        " changes the first layer little."
    )
    return save_figure(figure, target, command, caption)


def _draw_maps(
    target: Path,
    command: str,
    recogniser: keras.Model,
    grey: npt.NDArray[np.uint8],
    trained: str,
) -> Path:
    figure = Figure(figsize=(11, 10.2), layout="constrained")
    figure.suptitle(f"One captcha through the network of the course, layer by layer ({trained})")
    parts = np.asarray(
        figure.subfigures(len(_LAYERS) + 1, 1, height_ratios=(0.75, *[1] * len(_LAYERS)))
    )
    axes = parts[0].subplots()
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255)
    axes.set_title(f"input: {grey.shape[0]}x{grey.shape[1]} pixels, grey", fontsize=10)
    _hide_ticks(axes)
    for part, (layer, meaning) in zip(parts[1:], _LAYERS.items(), strict=True):
        maps = find_feature_maps(recogniser, layer, grey)
        rows, columns, channels = maps.shape
        part.suptitle(
            f"{layer} ({rows}x{columns}, {_MAPS} of {channels} channels) {meaning}", fontsize=10
        )
        panels = part.subplots(2, math.ceil(_MAPS / 2)).flat
        for axes, channel in zip(panels, choose_channels(maps, _MAPS), strict=True):
            axes.imshow(maps[..., channel], cmap="gray")
            axes.set_ylabel(f"{channel}", fontsize=8)
            _hide_ticks(axes)
    caption = (
        "White: the filter of this channel responds; black: it does not. The channels with the"
        " greatest differences are shown, each with a scale of its own."
    )
    return save_figure(figure, target, command, caption)


def _hide_ticks(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
