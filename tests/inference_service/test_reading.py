"""A batch of uploads is read together, and each gets its own answer."""

from __future__ import annotations

import gc
import json
import weakref
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from starlette.exceptions import HTTPException

from inference_service.engines import OpenVinoEngine
from inference_service.models import LoadedModel, load_version
from inference_service.reading import Job, read
from inference_service.uploads import Upload
from shared.images import ImageError
from tests.load import BOUNDARY, predict_shot
from tests.shared.pictures import encoded
from trainer.dataset import Splits


@pytest.fixture(scope="module")
def model(models: Path) -> LoadedModel:
    return load_version(models / "1", partial(OpenVinoEngine, threads=1))


def job(data: bytes, details: bool = False) -> Job:
    body = predict_shot(data, "").request.partition(b"\r\n\r\n")[2]
    return Job(Upload(f"multipart/form-data; boundary={BOUNDARY}", body), details)


def test_good_and_bad_uploads_of_a_batch_each_get_their_answer(
    model: LoadedModel, splits: Splits
) -> None:
    pngs = [encoded(Image.fromarray(image)) for image in splits.test.images[:3]]
    alone = [read(model, [job(png)])[0][0] for png in pngs]
    jobs = [job(pngs[0]), job(b"nothing"), job(pngs[1], details=True), job(b""), job(pngs[2])]
    answers, stages = read(model, jobs)
    assert stages.images == 3
    assert (answers[0], answers[4]) == (alone[0], alone[2])
    assert isinstance(answers[1], ImageError)
    assert isinstance(answers[3], HTTPException)
    assert isinstance(answers[2], bytes)
    detailed = json.loads(answers[2])
    assert detailed["prediction"] == json.loads(alone[1])["prediction"]
    assert detailed["details"]["batch"] == 3


def test_what_was_refused_is_not_kept_in_memory(model: LoadedModel) -> None:
    gc.disable()
    try:
        jobs = [job(b"nothing"), Job(Upload("application/json", b"{"), details=False)]
        kept = [weakref.ref(one.upload) for one in jobs]
        answers, _ = read(model, jobs)
        del jobs
        assert [ref() for ref in kept] == [None, None]
        assert all(isinstance(answer, Exception) for answer in answers)
    finally:
        gc.enable()
