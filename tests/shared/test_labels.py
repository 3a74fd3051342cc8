from __future__ import annotations

import itertools

import numpy as np
import pytest

from shared.labels import best_indices, decode, encode, text2vec, vec2text
from shared.spec import CaptchaSpec, SpecError

SPEC = CaptchaSpec()


def test_text2vec_puts_a_one_at_position_times_ten_plus_digit_as_the_course_does() -> None:
    vector = text2vec("6046", SPEC)
    assert vector.shape == (40,)
    assert np.flatnonzero(vector).tolist() == [6, 10, 24, 36]
    assert vector.sum() == 4


def test_text2vec_names_both_lengths() -> None:
    with pytest.raises(ValueError, match=r"5 characters.* 4"):
        text2vec("12345", SPEC)


def test_vec2text_takes_the_best_class_of_each_row() -> None:
    vector = np.full(40, 0.1)
    for position, digit in enumerate([3, 9, 3, 5]):
        vector[position * 10 + digit] = 0.6
    assert vec2text(vector, SPEC) == "3935"
    assert vec2text(vector.reshape(4, 10), SPEC) == "3935"


def test_vec2text_refuses_another_size() -> None:
    with pytest.raises(ValueError, match=r"41 numbers.* 40"):
        vec2text(np.zeros(41), SPEC)


def test_every_text_comes_back_from_its_indices_and_its_vector() -> None:
    spec = CaptchaSpec(charset="zyxWV987", length=3)
    texts = ["zyx", "987", "WV9", "zzz"]
    assert decode(encode(texts, spec), spec) == texts
    assert [vec2text(text2vec(text, spec), spec) for text in texts] == texts


def test_encode_keeps_the_charset_order_and_shape() -> None:
    encoded = encode(["10", "02"], CaptchaSpec(charset="210", length=2))
    assert encoded.dtype == np.int32
    assert encoded.tolist() == [[1, 2], [2, 0]]
    assert encode([], SPEC).shape == (0, 4)


def test_encode_refuses_a_foreign_character() -> None:
    with pytest.raises(SpecError, match="'x'"):
        encode(["0123", "01x3"], SPEC)


VARIED = CaptchaSpec("ab", length=4, min_length=2)


def test_texts_of_different_lengths_come_back() -> None:
    texts = ["ab", "bba", "abab"]
    encoded = encode(texts, VARIED)
    assert encoded.tolist() == [[0, 1, 2, 2], [1, 1, 0, 2], [0, 1, 0, 1]]
    assert decode(encoded, VARIED) == texts
    assert [vec2text(text2vec(text, VARIED), VARIED) for text in texts] == texts


def test_a_text_ends_where_its_row_says_so_whatever_follows() -> None:
    assert decode([[0, 2, 1, 1], [2, 2, 2, 2], [1, 1, 0, 1]], VARIED) == ["a", "", "bbab"]


def test_the_best_text_is_one_that_can_be() -> None:
    def read(*rows: list[float]) -> str:
        return decode(best_indices(np.array([rows]), VARIED), VARIED)[0]

    a, nothing = [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]
    assert read(a, a, nothing, nothing) == "aa"
    assert read(nothing, nothing, nothing, nothing) in {"aa", "ab", "ba", "bb"}  # two at least
    # A gap is filled or everything after it dropped, whichever is likelier as a whole.
    assert read(a, a, [0.3, 0.1, 0.6], a) == "aaaa"
    assert read(a, a, nothing, [0.45, 0.1, 0.45]) == "aa"
    assert read(a, a, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]) in {"aa", "aaa", "aaaa"}  # no crash on 0


def test_the_best_text_is_found_as_by_trying_all() -> None:
    texts = ["".join(t) for n in (2, 3, 4) for t in itertools.product("ab", repeat=n)]
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([0.5] * 3, size=(50, 4))
    for p in probabilities:
        likelihoods = [
            np.take_along_axis(p, row[:, np.newaxis], 1).prod() for row in encode(texts, VARIED)
        ]
        found = decode(best_indices(p[np.newaxis], VARIED), VARIED)[0]
        assert found == texts[int(np.argmax(likelihoods))]
