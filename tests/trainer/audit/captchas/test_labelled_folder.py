from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator_service.rendering.dataset_batches import render_png_batch
from generator_service.rendering.render_options import RenderOptions
from tests.conftest import SPEC
from tests.trainer.audit.folders import write_images
from trainer.audit.captchas.audit_captchas import split_folder
from trainer.audit.captchas.labelled_folder import read_labelled_folder
from trainer.errors import AuditError, ImageFolderError


def test_every_image_is_used_once(tmp_path: Path) -> None:
    write_images(tmp_path, 120)
    for file in sorted(tmp_path.iterdir())[:7]:
        (tmp_path / f"{file.stem.partition('_')[0]}_copy.png").write_bytes(file.read_bytes())

    labelled = read_labelled_folder(tmp_path)

    assert (len(labelled.folder), labelled.folder.copies) == (120, 7)
    assert labelled.name == tmp_path.name
    captchas = split_folder(labelled, 1)
    assert len(captchas.train) + len(captchas.test) == 120


def test_no_image_to_test_on_is_one_to_train_on(tmp_path: Path) -> None:
    write_images(tmp_path, 200)

    captchas = split_folder(read_labelled_folder(tmp_path), 1)

    train = {image.tobytes() for image in captchas.train.images[:]}
    test = {image.tobytes() for image in captchas.test.images[:]}
    assert not train & test
    assert 20 <= len(test) <= 60


def test_copies_that_were_encoded_again_do_not_leak_into_the_training(tmp_path: Path) -> None:
    write_images(tmp_path, 200)
    for file in sorted(tmp_path.iterdir()):
        with Image.open(file) as image:
            brighter = np.clip(np.asarray(image).astype(int) + 1, 0, 255).astype(np.uint8)
        Image.fromarray(brighter).save(tmp_path / f"{file.stem}-again.png")

    labelled = read_labelled_folder(tmp_path)
    captchas = split_folder(labelled, 1)

    assert labelled.folder.copies == 0  # no pixels are equal
    assert captchas.left_out > 20
    train, test = (s.images[:].astype(int) for s in (captchas.train, captchas.test))
    closest = min(np.abs(train - image).mean(axis=(1, 2)).min() for image in test)
    assert closest > 3


def test_a_folder_of_copies_of_a_few_captchas_is_an_error(tmp_path: Path) -> None:
    texts_and_images = list(render_png_batch(SPEC, RenderOptions(), 1, 0, 5))
    for text, png in texts_and_images:
        with Image.open(io.BytesIO(png)) as image:
            grey = np.asarray(image.convert("L")).copy()
        for index in range(40):  # of which one pixel differs
            grey[0, 0] = index
            Image.fromarray(grey).save(tmp_path / f"{text}_{index}.png")

    with pytest.raises(AuditError, match=r"almost the same as a test image, and fewer than 20"):
        split_folder(read_labelled_folder(tmp_path), 1)


def test_the_order_of_the_training_images_depends_on_the_seed(tmp_path: Path) -> None:
    write_images(tmp_path, 120)
    labelled = read_labelled_folder(tmp_path)

    first, again, other = (split_folder(labelled, seed).train.labels for seed in (1, 1, 2))

    assert (first == again).all()
    assert (first != other).any()


def test_renamed_files_change_no_image_and_no_order(tmp_path: Path) -> None:
    write_images(tmp_path, 120)
    before = split_folder(read_labelled_folder(tmp_path), 1)
    files = sorted(tmp_path.iterdir())
    for i, file in enumerate(files):
        file.rename(tmp_path / f"{file.stem.partition('_')[0]}_{(7 * i) % len(files)}-renamed.png")

    after = split_folder(read_labelled_folder(tmp_path), 1)

    assert (before.test.images[:] == after.test.images[:]).all()
    assert (before.train.images[:] == after.train.images[:]).all()
    assert (before.train.labels == after.train.labels).all()


def test_a_folder_with_one_label_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path, 120)
    for file in list(tmp_path.iterdir()):
        file.rename(tmp_path / f"1234_{file.name}")

    with pytest.raises(ImageFolderError, match="have the label '1234'"):
        read_labelled_folder(tmp_path)


def test_images_of_different_sizes_are_refused_by_name(tmp_path: Path) -> None:
    write_images(tmp_path, 120)
    write_images(tmp_path, 1, seed=9, size=(44, 22))
    (other,) = tmp_path.glob("*_9-0.png")

    with pytest.raises(ImageFolderError, match=r"(44x22|40x20).*all images must have one size"):
        read_labelled_folder(tmp_path)
    other.unlink()
    assert len(read_labelled_folder(tmp_path).folder) == 120


def test_an_unreadable_file_is_refused_by_name(tmp_path: Path) -> None:
    write_images(tmp_path, 120)
    (tmp_path / "1234_broken.png").write_bytes(b"\x89PNG\r\n")

    with pytest.raises(ImageFolderError, match=r"1234_broken\.png"):
        read_labelled_folder(tmp_path)


def test_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ImageFolderError, match="nowhere is not a directory"):
        read_labelled_folder(tmp_path / "nowhere")
