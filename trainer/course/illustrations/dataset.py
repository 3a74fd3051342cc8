"""The data set of the course: folders of labelled captchas, and what repeated labels cost."""

from __future__ import annotations

import io
import json
import logging
import math
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.captchas.spec import CaptchaSpec, SpecError
from trainer.config import SplitName, derive_split_seed
from trainer.course.illustrations.data_figures.label_figures import (
    draw_contact_sheet,
    draw_label_statistics,
)
from trainer.course.workspace import CourseWorkspace, SizeName
from trainer.errors import GeneratorError

log = logging.getLogger(__name__)

_STEP = "dataset"
_CAPTCHAS_PER_REQUEST = 1_000
_COUNTS: dict[SizeName, dict[SplitName, int]] = {
    "tiny": {"train": 60, "test": 20},
    "small": {"train": 1_000, "test": 200},
    "full": {"train": 5_000, "test": 1_000},  # the numbers of the course
}


@dataclass(frozen=True)
class FolderSummary:
    """Captchas of one folder.

    Attributes:
        captchas: rendered captchas.
        files: different labels, so files.
        expected_files: how many different labels chance gives on average.
    """

    captchas: int
    files: int
    expected_files: float


def export_dataset(workspace: CourseWorkspace) -> list[Path]:
    """Write the folders `train` and `test` with captchas in colour, and draw what is in them.

    A file is named after its label, as in the course. A later captcha with the same label replaces
    an earlier one.

    Returns:
        The folders, `dataset.json` with the numbers of captchas and files, and two figures.

    Raises:
        GeneratorError: if the captchas cannot be fetched.
    """
    directory = workspace.step_directory(_STEP)
    spec = workspace.source.spec
    summaries: dict[str, FolderSummary] = {}
    texts: dict[str, list[str]] = {}
    for split, count in _COUNTS[workspace.size].items():
        texts[split] = _write_folder(workspace, split, count, directory / split)
        files = len(set(texts[split]))
        summaries[split] = FolderSummary(count, files, round(expect_distinct(spec, count), 1))
        log.info(
            "%s: %s captchas collapse to %s files, because %s labels repeat; chance gives %s",
            split, f"{count:,}", f"{files:,}", f"{count - files:,}",
            f"{summaries[split].expected_files:,.0f}",
        )  # fmt: skip
    summary = directory / "dataset.json"
    summary.write_text(
        json.dumps({split: asdict(one) for split, one in summaries.items()}, indent=2) + "\n"
    )
    folders = [directory / split for split in texts]
    sheet, statistics = directory / "contact-sheet.png", directory / "labels.png"
    command = workspace.describe_command(_STEP)
    draw_contact_sheet(sheet, command, sorted(folders[0].iterdir()))
    draw_label_statistics(
        statistics, command, spec, texts["train"], lambda count: expect_distinct(spec, count)
    )
    return [*folders, summary, sheet, statistics]


def expect_distinct(spec: CaptchaSpec, count: int) -> float:
    """Return how many different labels `count` captchas have on average.

    Of K equally likely labels, one is missing after n captchas with probability (1 - 1/K)^n.
    """
    lengths = range(spec.shortest, spec.length + 1)
    expected = 0.0
    for length in lengths:
        labels = len(spec.charset) ** length
        probability = 1 / (labels * len(lengths))
        # 1 - missing, exact for tiny probabilities too.
        found = -math.expm1(count * math.log1p(-probability)) if probability < 1 else 1.0
        expected += labels * found
    return expected


def _write_folder(
    workspace: CourseWorkspace, split: SplitName, count: int, folder: Path
) -> list[str]:
    """Write the captchas of a split, replacing an earlier folder; return all labels."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    texts: list[str] = []
    for text, png in _fetch(workspace, split, count):
        texts.append(text)
        (folder / f"{text}.png").write_bytes(png)
    return texts


def _fetch(workspace: CourseWorkspace, split: SplitName, count: int) -> Iterator[tuple[str, bytes]]:
    spec = workspace.source.spec
    seed = derive_split_seed(workspace.seed, split)
    for start in range(0, count, _CAPTCHAS_PER_REQUEST):
        size = min(_CAPTCHAS_PER_REQUEST, count - start)
        parameters = {
            "count": size, "seed": seed, "start": start,
            "style": spec.style, "charset": spec.charset,
        }  # fmt: skip
        body = workspace.client.get("/dataset", parameters)
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                for name in archive.namelist():
                    text = name.rpartition("_")[0]
                    spec.check_text(text)  # it becomes the name of a file
                    yield text, archive.read(name)
        except (zipfile.BadZipFile, SpecError) as error:
            raise GeneratorError(f"the data set of the generator is damaged: {error}") from error
