"""The most likely text within a restriction, and how certain it is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from shared.captchas.labels import best_indices, decode, encode
from shared.captchas.restriction import Restriction, RestrictionError, predict_texts
from shared.captchas.spec import CaptchaSpec

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FIXED = CaptchaSpec(DIGITS + LETTERS, length=4)
VARIABLE = CaptchaSpec(DIGITS + LETTERS, length=8, min_length=3)
SMALL_SPECS = (
    CaptchaSpec("abc", length=3),
    CaptchaSpec("abc", length=3, min_length=1),
    CaptchaSpec("ab", length=4, min_length=2),
    CaptchaSpec("a", length=2, min_length=1),
)


def random_probabilities(spec: CaptchaSpec, n: int, seed: int = 1) -> npt.NDArray[np.float32]:
    """Return probabilities (N, length, classes), most of them concentrated on few classes."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet([0.3] * spec.classes, size=(n, spec.length)).astype(np.float32)


def certain(text: str, spec: CaptchaSpec, chance: float = 1.0) -> npt.NDArray[np.float32]:
    """Return probabilities (1, length, classes) that give each class of a text this chance."""
    rows = np.full((spec.length, spec.classes), (1 - chance) / (spec.classes - 1), np.float32)
    rows[np.arange(spec.length), encode([text], spec)[0]] = chance
    return rows[np.newaxis]


def mixed(texts: list[str], spec: CaptchaSpec) -> npt.NDArray[np.float32]:
    """Return probabilities of a model that cannot distinguish the texts, character by character."""
    return np.mean([certain(text, spec) for text in texts], axis=0)


def confidence(
    probabilities: npt.NDArray[np.float32], spec: CaptchaSpec, restriction: Restriction
) -> float:
    return float(predict_texts(probabilities, spec, restriction).confidences[0])


def list_texts(restriction: Restriction) -> list[str]:
    return [
        "".join(characters)
        for length in range(restriction.min_length, restriction.max_length + 1)
        for characters in itertools.product(restriction.charset, repeat=length)
    ]


def list_restrictions(spec: CaptchaSpec) -> list[Restriction]:
    """Return every restriction that a spec contains."""
    lengths = [
        (low, high)
        for low in range(spec.shortest, spec.length + 1)
        for high in range(low, spec.length + 1)
    ]
    charsets = [
        "".join(characters)
        for k in range(1, len(spec.charset) + 1)
        for characters in itertools.combinations(spec.charset, k)
    ]
    return [Restriction(charset, *bounds) for charset in charsets for bounds in lengths]


def test_the_restriction_of_a_spec_allows_all_of_its_texts() -> None:
    spec = CaptchaSpec("abc", length=5, min_length=2)
    assert Restriction.from_spec(spec) == Restriction("abc", 2, 5)
    assert Restriction.from_spec(CaptchaSpec()) == Restriction(DIGITS, 4, 4)


@pytest.mark.parametrize("spec", [*SMALL_SPECS, FIXED, VARIABLE, CaptchaSpec()])
def test_without_a_restriction_the_texts_are_those_of_best_indices(spec: CaptchaSpec) -> None:
    probabilities = random_probabilities(spec, 500)
    predictions = predict_texts(probabilities, spec, Restriction.from_spec(spec))
    assert predictions.texts == decode(best_indices(probabilities, spec), spec)


@pytest.mark.parametrize("spec", SMALL_SPECS)
def test_text_and_confidence_are_those_of_an_enumeration_of_all_texts(spec: CaptchaSpec) -> None:
    probabilities = random_probabilities(spec, 40)
    texts = list_texts(Restriction.from_spec(spec))
    classes = encode(texts, spec)
    positions = np.arange(spec.length)
    # (N, texts): the probability that the model gives to each text.
    likelihoods = probabilities.astype(np.float64)[:, positions, classes].prod(axis=2)
    all_lengths = range(spec.shortest, spec.length + 1)
    for restriction in list_restrictions(spec):
        allowed = np.isin(texts, list_texts(restriction))
        prior_share = sum(
            (len(restriction.charset) / len(spec.charset)) ** length
            for length in all_lengths
            if restriction.min_length <= length <= restriction.max_length
        ) / len(all_lengths)
        predictions = predict_texts(probabilities, spec, restriction)
        assert len(predictions.texts) == len(predictions.confidences) == len(probabilities)
        for row, text, value in zip(
            likelihoods, predictions.texts, predictions.confidences, strict=True
        ):
            assert text == texts[int(np.where(allowed, row, -1).argmax())]
            share = row[allowed].sum() / row.sum()
            within = 1.0
            if not allowed.all():
                odds = share / (1 - share) * (1 - prior_share) / prior_share
                within = odds / (1 + odds)
            expected = row[texts.index(text)] / row[allowed].sum() * within
            assert value == pytest.approx(expected, rel=1e-3)


def test_the_probabilities_of_the_allowed_characters_at_a_position_sum_to_1() -> None:
    probabilities = random_probabilities(VARIABLE, 50)
    restriction = Restriction(DIGITS, 3, 6)
    predictions = predict_texts(probabilities, VARIABLE, restriction)
    allowed = probabilities[:, :, :10] / probabilities[:, :, :10].sum(axis=2, keepdims=True)
    for rows, text, values in zip(
        allowed, predictions.texts, predictions.character_probabilities, strict=True
    ):
        assert values.dtype == np.float32
        assert values == pytest.approx([rows[i, int(digit)] for i, digit in enumerate(text)])


def test_a_single_allowed_character_is_certain() -> None:
    probabilities = random_probabilities(FIXED, 3)
    predictions = predict_texts(probabilities, FIXED, Restriction("Z", 4, 4))
    assert predictions.texts == ["ZZZZ"] * 3
    assert np.array(predictions.character_probabilities).tolist() == [[1.0] * 4] * 3


def test_characters_that_look_alike_are_resolved_by_the_restriction() -> None:
    # The model sees that it is one of the two, but cannot say which.
    probabilities = mixed(["0000", "OOOO"], FIXED)
    assert confidence(probabilities, FIXED, Restriction.from_spec(FIXED)) == pytest.approx(1 / 16)
    digits = predict_texts(probabilities, FIXED, Restriction(DIGITS, 4, 4))
    assert digits.texts == ["0000"]
    assert digits.confidences[0] > 0.98
    # Four characters that can be zeros are less likely among letters than among digits.
    letters = predict_texts(probabilities, FIXED, Restriction(LETTERS, 4, 4))
    assert letters.texts == ["OOOO"]
    assert 0.05 < letters.confidences[0] < digits.confidences[0]


def test_a_captcha_of_letters_that_is_read_as_digits_has_a_low_confidence() -> None:
    probabilities = certain("wxYZ", FIXED, chance=0.98)
    assert confidence(probabilities, FIXED, Restriction(LETTERS, 4, 4)) > 0.85
    assert confidence(probabilities, FIXED, Restriction(DIGITS, 4, 4)) < 0.01


def test_a_captcha_that_is_clearly_within_the_restriction_has_a_high_confidence() -> None:
    for text, spec in (("0123", FIXED), ("01234", VARIABLE)):
        probabilities = certain(text, spec, chance=0.995)
        length = len(text)
        assert confidence(probabilities, spec, Restriction(DIGITS, length, length)) > 0.97


def test_another_length_than_the_captcha_has_gives_a_low_confidence() -> None:
    probabilities = certain("wxYZw", VARIABLE, chance=0.98)
    charset = VARIABLE.charset
    assert confidence(probabilities, VARIABLE, Restriction(charset, 5, 5)) > 0.8
    assert confidence(probabilities, VARIABLE, Restriction(charset, 3, 4)) < 0.1


def test_a_model_that_knows_nothing_leaves_the_prior_of_one_half() -> None:
    probabilities = np.full((1, FIXED.length, FIXED.classes), 1 / FIXED.classes, np.float32)
    for charset in (DIGITS, LETTERS, "x"):
        value = confidence(probabilities, FIXED, Restriction(charset, 4, 4))
        assert value == pytest.approx(0.5 / len(charset) ** 4, rel=1e-3)
    whole = confidence(probabilities, FIXED, Restriction.from_spec(FIXED))
    assert whole == pytest.approx(FIXED.classes**-4.0, rel=1e-3)


@pytest.mark.parametrize("spec", [FIXED, VARIABLE])
@pytest.mark.parametrize("charset", [DIGITS, LETTERS, DIGITS + LETTERS[:-1]])
def test_certainty_and_impossibility_give_finite_confidences(
    spec: CaptchaSpec, charset: str
) -> None:
    restriction = Restriction(charset, 4, 4)
    rows = np.concatenate([certain(text, spec) for text in ("0000", "zzzz", "0z0z")])
    nothing = np.zeros_like(rows[:1])
    with np.errstate(all="raise", under="ignore"):
        predictions = predict_texts(np.concatenate([rows, nothing]), spec, restriction)
    assert np.isfinite(predictions.confidences).all()
    assert (predictions.confidences >= 0).all()
    assert (predictions.confidences <= 1).all()
    inside = [all(c in charset for c in text) for text in ("0000", "zzzz", "0z0z")]
    for is_inside, value in zip(inside, predictions.confidences, strict=False):
        assert value == pytest.approx(float(is_inside), abs=1e-4)
    for text, values in zip(predictions.texts, predictions.character_probabilities, strict=True):
        assert len(text) == len(values) == 4
        assert set(text) <= set(charset)
        assert np.isfinite(values).all()
    # If no allowed character is possible, all of them are equally likely.
    assert predictions.character_probabilities[3] == pytest.approx(1 / len(charset))


def test_the_order_and_the_repetition_of_characters_do_not_matter() -> None:
    probabilities = random_probabilities(VARIABLE, 20)
    expected = predict_texts(probabilities, VARIABLE, Restriction("012", 3, 5))
    found = predict_texts(probabilities, VARIABLE, Restriction("21002", 3, 5))
    assert found.texts == expected.texts
    assert found.confidences.tolist() == expected.confidences.tolist()
    whole = Restriction.from_spec(FIXED)
    rows = random_probabilities(FIXED, 20)
    found = predict_texts(rows, FIXED, Restriction(whole.charset[::-1], 4, 4))
    assert found.confidences.tolist() == predict_texts(rows, FIXED, whole).confidences.tolist()


def test_characters_that_are_not_adjacent_in_the_charset_are_selected() -> None:
    probabilities = mixed(["0O1I", "QB8S"], FIXED)
    predictions = predict_texts(probabilities, FIXED, Restriction("OI8B", 4, 4))
    assert [c in "OI8B" for c in predictions.texts[0]] == [True] * 4
    assert predictions.texts[0][1:3] in ("O8", "B8")


def test_no_images_give_no_texts() -> None:
    empty = np.empty((0, VARIABLE.length, VARIABLE.classes), np.float32)
    predictions = predict_texts(empty, VARIABLE, Restriction(DIGITS, 3, 4))
    assert (predictions.texts, predictions.confidences.shape) == ([], (0,))


@pytest.mark.parametrize(
    ("restriction", "message"),
    [
        (Restriction("", 4, 4), "charset must be a part of 'abc', not ''"),
        (Restriction("abx", 4, 4), "charset must be a part of 'abc', not 'abx'"),
        (Restriction("ab", 1, 4), "the length must be within 2 to 4, not 1 to 4"),
        (Restriction("ab", 2, 5), "the length must be within 2 to 4, not 2 to 5"),
        (Restriction("ab", 4, 3), "the length must be within 2 to 4, not 4 to 3"),
    ],
)
def test_a_restriction_that_the_spec_does_not_contain_is_an_error(
    restriction: Restriction, message: str
) -> None:
    spec = CaptchaSpec("abc", length=4, min_length=2)
    with pytest.raises(RestrictionError, match=f"^{message}$"):
        predict_texts(random_probabilities(spec, 1), spec, restriction)


def test_confidences_agree_with_the_product_of_the_characters_for_a_fixed_length() -> None:
    spec = CaptchaSpec()
    probabilities = random_probabilities(spec, 30)
    predictions = predict_texts(probabilities, spec, Restriction.from_spec(spec))
    for values, value in zip(
        predictions.character_probabilities, predictions.confidences, strict=True
    ):
        assert value == pytest.approx(math.prod(values.tolist()), rel=1e-4)


def test_a_restriction_is_shown_with_its_lengths_and_characters() -> None:
    assert str(Restriction("abc", 3, 5)) == "3 to 5 characters of 'abc'"
    assert str(Restriction("abc", 4, 4)) == "4 characters of 'abc'"
