from __future__ import annotations

import gc
import json
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from inference_service.errors import InvalidRequest
from inference_service.model_loading import LoadedModel, load_version
from inference_service.parsing import RequestBody
from inference_service.prediction import PredictJob, predict_batch
from shared.images import ImageError
from shared.restriction import Restriction
from tests.inference_service.captchas import Captcha
from tests.inference_service.engines import load_band_engine

HEAD = b'--b\r\nContent-Disposition: form-data; name="image"; filename="captcha.png"\r\n\r\n'


@pytest.fixture(scope="module")
def model(models: Path) -> LoadedModel:
    return load_version(models / "1", load_band_engine)


def job(model: LoadedModel, image: bytes, details: bool = False) -> PredictJob:
    form = HEAD + image + b"\r\n--b--\r\n"
    body = RequestBody("multipart/form-data; boundary=b", form)
    return PredictJob(body, details, model, Restriction.from_spec(model.spec))


def test_valid_and_invalid_images_of_a_batch_get_their_own_responses(
    model: LoadedModel, captchas: list[Captcha]
) -> None:
    pngs = [captcha.png for captcha in captchas[:3]]
    alone = [predict_batch(model, [job(model, png)])[0][0] for png in pngs]
    jobs = [
        job(model, pngs[0]),
        job(model, b"nothing"),
        job(model, pngs[1], details=True),
        job(model, b""),
        job(model, pngs[2]),
    ]
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
    assert detailed["details"]["restriction"] == {
        "charset": "0123456789",
        "min_length": 4,
        "max_length": 4,
    }


def test_a_restriction_does_not_affect_the_other_requests_of_a_batch(
    model: LoadedModel, captchas: list[Captcha]
) -> None:
    restrictions = [Restriction(charset, 4, 4) for charset in ("0123456789", "01", "89", "5")]
    jobs, expected = [], []
    for i, captcha in enumerate(captchas[:40]):
        # An invalid image in between must not shift the restrictions.
        image = b"nothing" if i % 7 == 3 else captcha.png
        jobs.append(replace(job(model, image), restriction=restrictions[i % 4]))
        expected.append(predict_batch(model, jobs[-1:])[0][0])
    responses, _ = predict_batch(model, jobs)
    for i, (response, alone) in enumerate(zip(responses, expected, strict=True)):
        if i % 7 == 3:
            assert isinstance(response, ImageError)
            continue
        assert response == alone
        assert set(json.loads(response)["prediction"]) <= set(restrictions[i % 4].charset)


def test_a_batch_without_a_valid_image_does_not_run_the_model(model: LoadedModel) -> None:
    responses, times = predict_batch(model, [job(model, b"nothing")])
    assert isinstance(responses[0], ImageError)
    assert times.images == 0


def test_rejected_bodies_are_not_kept_in_memory(model: LoadedModel) -> None:
    gc.disable()
    try:
        json_job = replace(job(model, b""), body=RequestBody("application/json", b"{"))
        jobs = [job(model, b"nothing"), json_job]
        references = [weakref.ref(each.body) for each in jobs]
        responses, _ = predict_batch(model, jobs)
        del jobs, json_job
        assert [reference() for reference in references] == [None, None]
        assert all(isinstance(response, Exception) for response in responses)
    finally:
        gc.enable()
