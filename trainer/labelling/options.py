"""The options of the command: the images, what they show, the version, and the new folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from shared.captchas.spec import CaptchaSpec, SpecError
from shared.settings import SettingsError
from shared.versions.artifacts import list_versions
from shared.versions.bundled_model import BUNDLED_DIR, BUNDLED_VERSION


@dataclass(frozen=True)
class LabelOptions:
    """The options of `python -m trainer label`. None means what the version predicts."""

    folder: Path
    """Folder of the images."""
    out: Path
    """Folder for the labelled copies."""
    charset: str | None
    length: int | None
    min_length: int | None
    version: int
    """Number of the version that labels the images; 0 is the bundled model."""
    seed: int

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """Read the command line. Prints the help and exits on `--help` and on unknown options.

        Raises:
            SettingsError: if the seed is out of range.
        """
        options = cls(**vars(_build_parser().parse_args(arguments)))
        if not 0 <= options.seed < 2**31:
            raise SettingsError(
                f"--seed: Input should be from 0 to {2**31 - 1}, not {options.seed}"
            )
        return options

    def find_version(self, models: Path) -> Path:
        """Return the directory of the version.

        Args:
            models: directory of the published versions.

        Raises:
            SettingsError: if there is no such version.
        """
        if self.version == BUNDLED_VERSION:
            return BUNDLED_DIR
        versions = list_versions(models)
        if self.version not in versions:
            published = ", ".join(map(str, versions)) or "none"
            raise SettingsError(
                f"--version: there is no version {self.version}; published: {published}"
            )
        return models / str(self.version)

    def build_spec(self, known: CaptchaSpec, size: tuple[int, int]) -> CaptchaSpec:
        """Return what the images can show.

        Args:
            known: what the version predicts.
            size: width and height of the images in pixels.

        Raises:
            SettingsError: if the version does not predict such captchas.
        """
        width, height = size
        charset = known.charset if self.charset is None else self.charset
        length = known.length if self.length is None else self.length
        min_length = known.shortest if self.length is None else self.length
        if self.min_length is not None:
            min_length = self.min_length
        try:
            spec = CaptchaSpec(charset, length, width, height, min_length=min_length)
        except SpecError as error:
            raise SettingsError(f"the images cannot be captchas: {error}") from None
        if unknown := sorted(set(spec.charset) - set(known.charset)):
            raise SettingsError(
                f"--charset: version {self.version} does not know {''.join(unknown)!r}, and a"
                " version learns a character from labelled images only"
            )
        if spec.shortest < known.shortest or spec.length > known.length:
            raise SettingsError(
                f"--length, --min-length: version {self.version} predicts {known.length_range}"
                f" characters, not {spec.length_range}"
            )
        return spec


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer label",
        description="Label images that have no labels. The bundled model trains itself on its most"
        " confident predictions first; a published version predicts only. Check the labels before"
        " you train on them.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, help="folder of images of one kind of captcha")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="new folder for copies named <label>_<confidence>_<name>",
    )
    parser.add_argument("--charset", metavar="VALUE", help="characters that can appear")
    parser.add_argument(
        "--length",
        type=int,
        metavar="VALUE",
        help="characters per captcha; the maximum if it varies",
    )
    parser.add_argument(
        "--min-length", type=int, metavar="VALUE", help="minimum length; without it, --length"
    )
    parser.add_argument(
        "--version",
        type=int,
        default=BUNDLED_VERSION,
        metavar="NUMBER",
        help="published version that labels the images; 0, the default, is the bundled model",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="VALUE",
        help="determines the thirds, the order and the augmentation of the images",
    )
    return parser
