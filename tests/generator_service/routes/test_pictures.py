from __future__ import annotations

import base64

import httpx

from generator_service.pictures.question import draw_question


def test_a_question_is_sent_with_its_tiles_and_label(generator: httpx.Client) -> None:
    response = generator.get("/captcha/pictures", params={"seed": 5})
    question = draw_question(5)
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "question": question.word,
        "tiles": [base64.b64encode(tile).decode() for tile in question.tiles],
        "answer": question.answer,
        "words": list(question.words),
        "seed": 5,
    }


def test_without_a_seed_each_question_is_new_and_can_be_repeated(generator: httpx.Client) -> None:
    first, second = (generator.get("/captcha/pictures").json() for _ in range(2))
    assert first != second
    assert generator.get("/captcha/pictures", params={"seed": first["seed"]}).json() == first


def test_an_invalid_seed_is_rejected(generator: httpx.Client) -> None:
    response = generator.get("/captcha/pictures", params={"seed": -1})
    assert response.status_code == 422
    assert "seed" in response.json()["detail"]
