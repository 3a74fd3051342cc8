from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from inference_service.errors import InvalidRequest
from inference_service.models.model_loading import LoadedModel, load_version
from inference_service.prediction.batch_prediction import PredictJob, PredictOptions, predict_batch
from shared.captchas.images import ImageError
from shared.captchas.restriction import Restriction
from shared.http.schemas import PredictBody
from tests.inference_service.captchas import Captcha
from tests.inference_service.engines import load_band_engine


@pytest.fixture(scope="module")
def model(models: Path) -> LoadedModel:
    return load_version(models / "1", load_band_engine)


def job(
    model: LoadedModel, image: bytes | InvalidRequest, *, details: bool = False, charset: str = ""
) -> PredictJob:
    restriction = Restriction(charset or model.spec.charset, 4, 4)
    return PredictJob(image, PredictOptions(details, model, restriction))


def test_valid_and_invalid_images_of_a_batch_get_their_own_results(
    model: LoadedModel, captchas: list[Captcha]
) -> None:
    pngs = [captcha.png for captcha in captchas[:3]]
    alone = [predict_batch(model, [job(model, png)])[0][0] for png in pngs]
    missing = InvalidRequest("the image is empty")
    jobs = [
        job(model, pngs[0]),
        job(model, b"nothing"),
        job(model, pngs[1], details=True),
        job(model, missing),
        job(model, pngs[2]),
    ]
    results, times = predict_batch(model, jobs)
    assert times.images == 3
    assert (results[0], results[4]) == (alone[0], alone[2])
    assert isinstance(results[1], ImageError)
    assert results[3] is missing
    detailed = results[2]
    assert isinstance(detailed, PredictBody)
    assert detailed.prediction == captchas[1].text
    assert detailed.details is not None
    assert detailed.details.batch_size == 3
    assert detailed.details.restriction.model_dump() == {
        "charset": "0123456789",
        "min_length": 4,
        "max_length": 4,
    }


def test_a_restriction_does_not_affect_the_other_requests_of_a_batch(
    model: LoadedModel, captchas: list[Captcha]
) -> None:
    charsets = ("0123456789", "01", "89", "5")
    jobs, expected = [], []
    for i, captcha in enumerate(captchas[:40]):
        # An invalid image in between must not shift the restrictions.
        image = b"nothing" if i % 7 == 3 else captcha.png
        jobs.append(job(model, image, charset=charsets[i % 4]))
        expected.append(predict_batch(model, jobs[-1:])[0][0])
    results, _ = predict_batch(model, jobs)
    for i, (result, alone) in enumerate(zip(results, expected, strict=True)):
        if i % 7 == 3:
            assert isinstance(result, ImageError)
            continue
        assert isinstance(result, PredictBody)
        assert result == alone
        assert set(result.prediction) <= set(charsets[i % 4])


def test_a_batch_without_a_valid_image_does_not_run_the_model(model: LoadedModel) -> None:
    responses, times = predict_batch(model, [job(model, b"nothing")])
    assert isinstance(responses[0], ImageError)
    assert times.images == 0


def test_rejected_images_are_not_kept_in_memory(model: LoadedModel) -> None:
    gc.disable()
    try:
        jobs = [job(model, b"nothing"), job(model, b"\x89PNG\r\n\x1a\n")]
        references = [weakref.ref(each) for each in jobs]
        results, _ = predict_batch(model, jobs)
        del jobs
        assert [reference() for reference in references] == [None, None]
        assert all(isinstance(result, ImageError) for result in results)
    finally:
        gc.enable()
