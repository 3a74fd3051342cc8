from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.conftest import SPEC
from trainer.audit.captchas.audit_captchas import AuditCaptchas, fetch_captchas
from trainer.data.generator_client import GeneratorClient
from trainer.data.splits import Split
from trainer.errors import AuditError


def test_captchas_to_test_on_have_another_seed_and_other_pixels(
    generator: httpx.Client, tmp_path: Path
) -> None:
    client = GeneratorClient(generator, tmp_path)

    captchas = fetch_captchas(client, client.wait_ready(30), 1, labelled=200, tested=100)

    assert (len(captchas.train), len(captchas.test), captchas.left_out) == (200, 100, 0)
    seeds = {path.parent.name for path in tmp_path.rglob("*.npz")}
    assert len(seeds) == 2
    train = {image.tobytes() for image in captchas.train.images[:]}
    assert len(train) == 200
    assert not train & {image.tobytes() for image in captchas.test.images[:]}


def test_the_first_labelled_captchas_are_the_same_for_every_number(
    generator: httpx.Client, tmp_path: Path
) -> None:
    client = GeneratorClient(generator, tmp_path)

    captchas = fetch_captchas(client, client.wait_ready(30), 1, labelled=200, tested=100)
    few, more = captchas.select(50), captchas.select(120)

    assert (len(few), len(more)) == (50, 120)
    assert (few.images[:] == more.images[:50]).all()
    assert (few.labels == more.labels[:50]).all()


def test_a_test_captcha_among_the_training_captchas_is_an_error(captchas: Split) -> None:
    first, second = (captchas.select(np.arange(n, n + 5), "") for n in (0, 4))

    with pytest.raises(AuditError, match="a test captcha is among the training captchas"):
        AuditCaptchas(first, second, 0)
    assert first.spec == SPEC
