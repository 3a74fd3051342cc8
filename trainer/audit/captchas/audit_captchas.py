"""The captchas of an audit: labelled ones to train on, and others to test on."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.captchas.labels import encode
from trainer.audit.captchas.labelled_folder import LabelledFolder
from trainer.data.dataset_requests import CaptchaSource
from trainer.data.fetched_split import fetch_split
from trainer.data.generator_client import GeneratorClient
from trainer.data.splits import ChosenImages, Split
from trainer.errors import AuditError

# A copy that was encoded again differs a little.
_COPY_GREY_LEVELS = 3.0
_MIN_TRAINING_IMAGES = 20


@dataclass(frozen=True)
class AuditCaptchas:
    """Captchas of one setting. No test captcha is among those to train on."""

    train: Split
    test: Split
    left_out: int
    """Captchas that were not used for training, because they are copies of test captchas."""

    def __post_init__(self) -> None:
        """Check that no test captcha can be trained on.

        Raises:
            AuditError: if one can.
        """
        if _digests(self.train) & _digests(self.test):
            raise AuditError("a test captcha is among the training captchas")

    def select(self, labels: int) -> Split:
        """Return the first labelled captchas."""
        return _choose(self.train, np.arange(labels))


def fetch_captchas(
    client: GeneratorClient, source: CaptchaSource, seed: int, labelled: int, tested: int
) -> AuditCaptchas:
    """Fetch rendered captchas; those to test on have another seed.

    Raises:
        GeneratorError: if they cannot be fetched.
        AuditError: if the setting has so few different captchas that too few are left.
    """
    # The setting can have so few different captchas that some appear twice. A twentieth more are
    # fetched for these.
    spare = max(labelled // 20, 10) if labelled else 0
    test = fetch_split(client, source, "test", seed, tested)
    pool = fetch_split(client, source, "train", seed, labelled + spare)
    tested_digests = _digests(test)
    rows = [i for i, digest in enumerate(_list_digests(pool)) if digest not in tested_digests]
    if len(rows) < labelled:
        raise AuditError(
            f"{len(pool) - len(rows)} of {len(pool)} captchas are equal to one of {len(test)} test"
            f" captchas: {source.spec.length_range} of {source.spec.charset!r} have too few"
            " different images; use more characters, a longer text or noise"
        )
    train = _choose(pool, np.array(rows[:labelled], np.int64))
    return AuditCaptchas(train, test, len(pool) - len(rows))


def split_folder(labelled: LabelledFolder, seed: int) -> AuditCaptchas:
    """Split the different images of a folder: a fifth to test on, the rest in random order.

    Raises:
        AuditError: if nearly all images are copies of images to test on.
    """
    folder = labelled.folder
    images, spec = folder.images, folder.spec
    test_rows, train_rows = labelled.split()
    copies = _find_copies(images, folder.texts, test_rows, train_rows)
    kept = np.array([row for row in train_rows.tolist() if row not in copies], np.int64)
    if len(kept) < _MIN_TRAINING_IMAGES:
        raise AuditError(
            f"{labelled.name}: {len(copies)} of {len(train_rows)} images to train on are almost the"
            f" same as a test image, and fewer than {_MIN_TRAINING_IMAGES} are left; add images of"
            " other captchas"
        )
    kept = np.random.default_rng(seed).permutation(kept)
    whole = Split(spec, images, encode(folder.texts, spec))
    return AuditCaptchas(_choose(whole, kept), _choose(whole, test_rows), len(copies))


def _find_copies(
    images: npt.NDArray[np.uint8],
    texts: list[str],
    test_rows: npt.NDArray[np.int64],
    train_rows: npt.NDArray[np.int64],
) -> set[int]:
    """Return the training rows that show nearly the same pixels as a test row of equal text."""
    by_text: dict[str, list[int]] = defaultdict(list)
    for row in train_rows.tolist():
        by_text[texts[row]].append(row)
    copies: set[int] = set()
    for row in test_rows.tolist():
        candidates = np.array(by_text[texts[row]], np.int64)
        if len(candidates):
            differences = np.abs(images[candidates].astype(np.float32) - images[row])
            is_copy = differences.mean(axis=(1, 2)) < _COPY_GREY_LEVELS
            copies.update(candidates[is_copy].tolist())
    return copies


def _choose(split: Split, rows: npt.NDArray[np.int64]) -> Split:
    return Split(split.spec, ChosenImages(split.images, rows), split.labels[rows])


def _digests(split: Split) -> set[bytes]:
    return set(_list_digests(split))


def _list_digests(split: Split) -> Iterator[bytes]:
    """Yield the SHA-256 of the pixels of each captcha."""
    for row in range(len(split)):
        yield hashlib.sha256(split.images[row : row + 1].tobytes()).digest()
