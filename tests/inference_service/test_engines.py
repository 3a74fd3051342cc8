from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from inference_service.engines import LOADERS, Engine, EngineError
from shared.labels import decode
from shared.spec import CaptchaSpec
from tests.conftest import SPEC
from trainer.dataset import Splits


@pytest.fixture(scope="module")
def engines(models: Path) -> dict[str, Engine]:
    return {name: load(models / "1", SPEC, threads=2) for name, load in LOADERS.items()}


def test_the_engines_agree_on_200_captchas(engines: dict[str, Engine], splits: Splits) -> None:
    answers = {name: engine.predict(splits.test.images) for name, engine in engines.items()}
    openvino, tensorflow = answers["openvino"], answers["tensorflow"]
    assert openvino.shape == (200, 4, 10)
    assert np.abs(openvino - tensorflow).max() < 1e-4
    assert decode(openvino.argmax(-1), SPEC) == decode(tensorflow.argmax(-1), SPEC)
    # They agree on something: most of these are read right.
    assert (openvino.argmax(-1) == splits.test.labels).all(axis=1).mean() > 0.6


@pytest.mark.parametrize("name", LOADERS)
def test_one_captcha_alone_is_read_as_among_others(
    engines: dict[str, Engine], splits: Splits, name: str
) -> None:
    together = engines[name].predict(splits.test.images[:5])
    alone = np.concatenate([engines[name].predict(splits.test.images[i : i + 1]) for i in range(5)])
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("count", [1, 2, 3, 7, 33])
def test_any_number_of_captchas_can_be_read_in_one_call(
    engines: dict[str, Engine], splits: Splits, name: str, count: int
) -> None:
    images = splits.test.images[:count]
    assert engines[name].predict(images).shape == (count, 4, 10)


@pytest.mark.parametrize("name", LOADERS)
def test_threads_never_get_each_others_answers(
    engines: dict[str, Engine], splits: Splits, name: str
) -> None:
    engine, images = engines[name], splits.test.images
    expected = engine.predict(images).argmax(-1)

    def read(i: int) -> bool:
        row = i % len(images)
        return bool((engine.predict(images[row : row + 1])[0].argmax(-1) == expected[row]).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(800)))


@pytest.mark.parametrize("name", LOADERS)
def test_what_is_no_saved_model_is_an_engine_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"not a graph")
    with pytest.raises(EngineError):
        LOADERS[name](tmp_path, SPEC, threads=1)


@pytest.mark.parametrize("name", LOADERS)
def test_a_model_of_another_size_is_an_engine_error(models: Path, name: str) -> None:
    with pytest.raises(EngineError):
        LOADERS[name](models / "1", CaptchaSpec(width=128, height=64), threads=1)
