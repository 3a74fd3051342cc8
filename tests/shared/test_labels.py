from __future__ import annotations

import numpy as np
import pytest

from shared.labels import decode, encode, text2vec, vec2text
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
