from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import pytest

from inference_service.engines import OpenVinoEngine
from inference_service.errors import InvalidRequest
from inference_service.model_loading import LoadedModel, load_version
from inference_service.parsing import RequestBody
from inference_service.prediction import PredictJob, predict_batch
from shared.images import ImageError
from tests.inference_service.captchas import Captcha

HEAD = b'--b\r\nContent-Disposition: form-data; name="image"; filename="captcha.png"\r\n\r\n'


@pytest.fixture(scope="module")
def model(models: Path, openvino: OpenVinoEngine) -> LoadedModel:
    return load_version(models / "1", lambda *_: openvino)


def job(image: bytes, details: bool = False) -> PredictJob:
    form = HEAD + image + b"\r\n--b--\r\n"
    return PredictJob(RequestBody("multipart/form-data; boundary=b", form), details)


def test_valid_and_invalid_images_of_a_batch_get_their_own_responses(
    model: LoadedModel, captchas: list[Captcha]
) -> None:
    pngs = [captcha.png for captcha in captchas[:3]]
    alone = [predict_batch(model, [job(png)])[0][0] for png in pngs]
    jobs = [job(pngs[0]), job(b"nothing"), job(pngs[1], details=True), job(b""), job(pngs[2])]
    responses, times = predict_batch(model, jobs)
    assert times.images == 3
    assert (responses[0], responses[4]) == (alone[0], alone[2])
    assert isinstance(responses[1], ImageError)
    assert isinstance(responses[3], InvalidRequest)
    assert isinstance(responses[2], bytes)
    assert isinstance(alone[1], bytes)
    detailed = json.loads(responses[2])
    assert detailed["prediction"] == json.loads(alone[1])["prediction"]
    assert detailed["details"]["batch_size"] == 3


def test_a_batch_without_a_valid_image_does_not_run_the_model(model: LoadedModel) -> None:
    responses, times = predict_batch(model, [job(b"nothing")])
    assert isinstance(responses[0], ImageError)
    assert times.images == 0


def test_rejected_bodies_are_not_kept_in_memory(model: LoadedModel) -> None:
    gc.disable()
    try:
        jobs = [job(b"nothing"), PredictJob(RequestBody("application/json", b"{"), details=False)]
        references = [weakref.ref(each.body) for each in jobs]
        responses, _ = predict_batch(model, jobs)
        del jobs
        assert [reference() for reference in references] == [None, None]
        assert all(isinstance(response, Exception) for response in responses)
    finally:
        gc.enable()
