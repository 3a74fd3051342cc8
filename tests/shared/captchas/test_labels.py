"""Texts, class indices and one-hot vectors convert into each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from shared.captchas.labels import best_indices, decode, encode, text2vec, vec2text
from shared.captchas.spec import CaptchaSpec, SpecError

SPEC = CaptchaSpec()
VARIABLE = CaptchaSpec("ab", length=4, min_length=2)


# One-hot vectors


def test_text2vec_sets_position_times_ten_plus_digit_as_in_the_course() -> None:
    vector = text2vec("6046", SPEC)
    assert vector.shape == (40,)
    assert vector.dtype == np.float32
    assert np.flatnonzero(vector).tolist() == [6, 10, 24, 36]
    assert vector.sum() == 4


def test_text2vec_marks_the_end_of_a_short_text() -> None:
    vector = text2vec("ba", VARIABLE)
    assert vector.reshape(4, 3).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_text2vec_rejects_another_length() -> None:
    with pytest.raises(SpecError, match=r"^text has 5 characters, a captcha here has 4$"):
        text2vec("12345", SPEC)


def test_vec2text_takes_the_most_likely_class_of_each_position() -> None:
    vector = np.full(40, 0.1)
    for position, digit in enumerate([3, 9, 3, 5]):
        vector[position * 10 + digit] = 0.6
    assert vec2text(vector, SPEC) == "3935"
    assert vec2text(vector.reshape(4, 10), SPEC) == "3935"
    assert vec2text(vector.tolist(), SPEC) == "3935"


@pytest.mark.parametrize("size", [39, 41])
def test_vec2text_rejects_another_size(size: int) -> None:
    with pytest.raises(ValueError, match=f"^the vector has {size} values, a captcha here has 40$"):
        vec2text(np.zeros(size), SPEC)


def test_every_text_survives_its_indices_and_its_vector() -> None:
    spec = CaptchaSpec(charset="zyxWV987", length=3)
    texts = ["zyx", "987", "WV9", "zzz"]
    assert decode(encode(texts, spec), spec) == texts
    assert [vec2text(text2vec(text, spec), spec) for text in texts] == texts


# Class indices


def test_encode_uses_the_positions_in_the_charset() -> None:
    encoded = encode(["10", "02"], CaptchaSpec(charset="210", length=2))
    assert encoded.dtype == np.int32
    assert encoded.tolist() == [[1, 2], [2, 0]]
    assert encode([], SPEC).shape == (0, 4)


def test_encode_names_the_first_invalid_text() -> None:
    with pytest.raises(SpecError, match="'x', which is not in the charset"):
        encode(["0123", "01x3", "y123"], SPEC)


def test_texts_of_different_lengths_are_padded_with_the_end_class() -> None:
    texts = ["ab", "bba", "abab"]
    encoded = encode(texts, VARIABLE)
    assert encoded.tolist() == [[0, 1, 2, 2], [1, 1, 0, 2], [0, 1, 0, 1]]
    assert decode(encoded, VARIABLE) == texts
    assert [vec2text(text2vec(text, VARIABLE), VARIABLE) for text in texts] == texts


def test_a_text_ends_at_its_first_end_class() -> None:
    assert decode([[0, 2, 1, 1], [2, 2, 2, 2], [1, 1, 0, 1]], VARIABLE) == ["a", "", "bbab"]


# The most likely text


def predict(*rows: list[float], spec: CaptchaSpec = VARIABLE) -> list[int]:
    return best_indices(np.array([rows]), spec)[0].tolist()


def test_with_a_fixed_length_the_most_likely_classes_are_the_text() -> None:
    probabilities = np.zeros((2, 4, 10))
    for row, text in enumerate(("6046", "1357")):
        for position, digit in enumerate(text):
            probabilities[row, position, int(digit)] = 0.9
    assert best_indices(probabilities, SPEC).tolist() == [[6, 0, 4, 6], [1, 3, 5, 7]]


def test_the_result_is_always_a_text_that_the_spec_allows() -> None:
    a, end = [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]
    assert predict(a, a, end, end) == [0, 0, 2, 2]
    # The minimum length is 2.
    assert predict(end, end, end, end) == [0, 0, 2, 2]
    assert predict(a, a, a, a) == [0, 0, 0, 0]


def test_the_whole_text_decides_about_the_length() -> None:
    a, end = [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]
    assert predict(a, a, [0.3, 0.1, 0.6], a) == [0, 0, 0, 0]
    assert predict(a, a, end, [0.45, 0.1, 0.45]) == [0, 0, 2, 2]
    assert predict(a, a, [0.2, 0.7, 0.1], end) == [0, 0, 1, 2]


def test_probabilities_of_zero_are_no_error() -> None:
    a = [0.8, 0.1, 0.1]
    with np.errstate(all="raise"):
        found = predict(a, a, [0.0, 0.0, 1.0], [0.0, 0.0, 1.0])
        assert found == [0, 0, 2, 2]
        assert predict(a, a, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])[:2] == [0, 0]


@pytest.mark.parametrize("min_length", [1, 2, 3])
def test_the_most_likely_text_is_the_best_of_all_texts(min_length: int) -> None:
    spec = CaptchaSpec("ab", length=4, min_length=min_length)
    lengths = range(min_length, 5)
    texts = ["".join(t) for n in lengths for t in itertools.product("ab", repeat=n)]
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([0.5] * 3, size=(80, 4))
    found = decode(best_indices(probabilities, spec), spec)
    for p, text in zip(probabilities, found, strict=True):
        likelihoods = [
            np.take_along_axis(p, row[:, np.newaxis], 1).prod() for row in encode(texts, spec)
        ]
        assert text == texts[int(np.argmax(likelihoods))]
