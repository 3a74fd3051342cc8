"""The requests of a training: counts, indices and seeds of every split and style."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from shared.captchas.spec import CaptchaSpec, Style
from tests.conftest import SPEC, TINY
from tests.trainer.conftest import change
from trainer.data.dataset_requests import (
    CONFUSABLE,
    OTHER_SIZES,
    CaptchaSource,
    DatasetRequest,
    list_requests,
)

SOURCE = CaptchaSource(SPEC, {"captcha": "0.7.1"}, "renderer")


def test_each_style_gets_captchas_of_its_own() -> None:
    requests = [
        (r.split, r.subset, r.source.spec.style, r.seed, r.start, r.count)
        for r in list_requests(TINY, SOURCE)
    ]
    assert requests == [
        ("train", "current", "current", 3, 0, 151),
        ("train", "classic", "classic", 3, 151, 150),
        ("validation", "current", "current", 4, 0, 50),
        ("validation", "classic", "classic", 4, 50, 50),
        ("test", "current", "current", 5, 0, 51),
        ("test", "classic", "classic", 5, 51, 50),
    ]


def test_a_request_names_the_source_in_its_style() -> None:
    source = CaptchaSource(CaptchaSpec(style="classic"), {"captcha": "0.7.1"}, "renderer")
    first, *_, last = list_requests(TINY, source)
    assert first == DatasetRequest(
        split="train", subset="current", source=SOURCE, seed=3, start=0, count=151
    )
    assert last.source == source


def test_styles_keep_the_order_of_the_config() -> None:
    config = change(TINY, styles=("classic", "current"), seed=7)
    requests = list(list_requests(config, SOURCE))
    assert [(r.subset, r.seed, r.start, r.count) for r in requests[:2]] == [
        ("classic", 21, 0, 151),
        ("current", 21, 151, 150),
    ]


def test_one_style_gets_all_captchas() -> None:
    requests = list(list_requests(change(TINY, styles=("current",)), SOURCE))
    assert [(r.split, r.start, r.count) for r in requests] == [
        ("train", 0, 301),
        ("validation", 0, 100),
        ("test", 0, 101),
    ]


@pytest.mark.parametrize(
    ("styles", "style", "expected"),
    [
        (("current", "classic"), "classic", ["current", "classic"]),
        (("current", "classic"), "gimpy", ["gimpy"]),
        (("current",), "vintage", ["vintage"]),
        (("line", "crowded"), "crowded", ["line", "crowded"]),
    ],
)
def test_a_model_is_trained_on_the_style_of_the_generator_in_any_case(
    styles: tuple[Style, ...], style: Style, expected: list[Style]
) -> None:
    config = change(TINY, styles=styles, confusable_sets=("17",), confusable_fraction=0.2)
    requests = list(list_requests(config, SOURCE.with_options(style)))
    for split in ("train", "validation", "test"):
        regular = [r for r in requests if r.split == split and r.subset != CONFUSABLE]
        assert [r.source.spec.style for r in regular] == expected
    confusable = [r.source.spec.style for r in requests if r.subset == CONFUSABLE]
    assert confusable == expected


def test_confusable_captchas_replace_a_fraction_of_the_training_captchas_only() -> None:
    config = change(TINY, confusable_sets=("17", "38"), confusable_fraction=41 / 301)
    requests = list(list_requests(config, SOURCE))
    assert [(r.source.spec.style, r.start, r.count) for r in requests[:2]] == [
        ("current", 0, 130),
        ("classic", 130, 130),
    ]
    assert requests[6:] == list(list_requests(TINY, SOURCE))[2:]
    confusable = requests[2:6]
    assert [(r.source.spec.charset, r.source.spec.style, r.start, r.count) for r in confusable] == [
        ("17", "current", 260, 11),
        ("17", "classic", 271, 10),
        ("38", "current", 281, 10),
        ("38", "classic", 291, 10),
    ]
    assert {(r.split, r.subset, r.seed) for r in confusable} == {("train", CONFUSABLE, 3)}
    assert CONFUSABLE == "confusable"


def test_a_training_can_consist_of_confusable_captchas() -> None:
    config = change(TINY, confusable_sets=("17",), confusable_fraction=1.0)
    requests = [r for r in list_requests(config, SOURCE) if r.split == "train"]
    assert [(r.subset, r.start, r.count) for r in requests] == [
        (CONFUSABLE, 0, 151),
        (CONFUSABLE, 151, 150),
    ]


@pytest.mark.parametrize(
    ("styles", "confusable", "resized"),
    [
        (("current", "synthetic", "vintage"), ["current", "vintage"], ["current", "vintage"]),
        (("synthetic",), [], ["synthetic"]),
    ],
)
def test_confusable_captchas_are_never_synthetic_and_other_sizes_only_without_another_style(
    styles: tuple[Style, ...], confusable: list[Style], resized: list[Style]
) -> None:
    config = change(
        TINY,
        styles=styles,
        confusable_sets=("17",),
        confusable_fraction=0.2,
        other_sizes=((200, 80),),
        other_size_captchas=40,
    )
    requests = list(list_requests(config, SOURCE.with_options(styles[0])))
    for subset, expected in ((CONFUSABLE, confusable), (OTHER_SIZES, resized)):
        assert [r.source.spec.style for r in requests if r.subset == subset] == expected
    regular = [r for r in requests if r.split == "train" and r.subset != OTHER_SIZES]
    assert sum(r.count for r in regular) == config.captchas
    test = [r.source.spec.style for r in requests if r.split == "test"]
    assert test == list(styles)


def test_captchas_of_other_sizes_follow_the_confusable_ones() -> None:
    sizes = ((120, 50), (200, 80))
    confusable = change(TINY, confusable_sets=("17",), confusable_fraction=0.2)
    config = change(confusable, other_size_captchas=42, other_sizes=sizes)
    plain = list(list_requests(confusable, SOURCE))
    requests = list(list_requests(config, SOURCE))
    assert requests[:4] == plain[:4]
    assert plain[3].start + plain[3].count == 301
    assert requests[8:] == plain[4:]
    added = requests[4:8]
    assert [
        (r.source.spec.width, r.source.spec.height, r.subset, r.source.spec.style, r.start, r.count)
        for r in added
    ] == [
        (120, 50, OTHER_SIZES, "current", 301, 11),
        (120, 50, OTHER_SIZES, "classic", 312, 11),
        (200, 80, OTHER_SIZES, "current", 323, 10),
        (200, 80, OTHER_SIZES, "classic", 333, 10),
    ]
    assert {(r.split, r.seed, r.source.spec.charset) for r in added} == {("train", 3, SPEC.charset)}
    assert OTHER_SIZES == "other sizes"


def test_the_remainder_goes_to_the_first_requests() -> None:
    config = change(TINY, confusable_sets=("17", "38"), confusable_fraction=47 / 301)
    counts = [r.count for r in list_requests(config, SOURCE) if r.subset == CONFUSABLE]
    assert counts == [12, 12, 12, 11]


def test_a_request_without_captchas_is_left_out() -> None:
    config = change(TINY, confusable_sets=("17", "38"), confusable_fraction=1 / 301)
    confusable = [r for r in list_requests(config, SOURCE) if r.subset == CONFUSABLE]
    assert [(r.source.spec.charset, r.start, r.count) for r in confusable] == [("17", 300, 1)]


def test_confusable_sets_outside_the_charset_are_left_out() -> None:
    config = change(TINY, confusable_sets=("0O", "17"), confusable_fraction=40 / 301)
    confusable = [r for r in list_requests(config, SOURCE) if r.subset == CONFUSABLE]
    assert [(r.source.spec.charset, r.count) for r in confusable] == [("17", 20), ("17", 20)]
    none = change(config, confusable_sets=("0O", "Il"))
    assert list(list_requests(none, SOURCE)) == list(list_requests(TINY, SOURCE))


def test_an_image_folder_alone_requests_nothing() -> None:
    assert list(list_requests(change(TINY, captchas=0), SOURCE)) == []


def test_a_source_changes_its_options_and_keeps_the_rest() -> None:
    renderer = {"captcha": "0.7.1"}
    classic = CaptchaSpec(style="classic")
    assert SOURCE.with_options("classic") == CaptchaSource(classic, renderer, "renderer")
    other = CaptchaSpec(style="classic", charset="17", width=200, height=80)
    source = SOURCE.with_options("classic", "17", (200, 80))
    assert source == CaptchaSource(other, renderer, "renderer")
    assert SOURCE.spec == SPEC


def test_requests_and_sources_are_frozen() -> None:
    request = next(list_requests(TINY, SOURCE))
    with pytest.raises(FrozenInstanceError):
        request.count = 1  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        SOURCE.spec = SPEC  # type: ignore[misc]
