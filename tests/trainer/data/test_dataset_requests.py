from __future__ import annotations

import dataclasses

from tests.conftest import SPEC, TINY
from trainer.client import Source
from trainer.shares import list_shares

SOURCE = Source(SPEC, {}, "libraries")


def test_each_drawing_has_captchas_of_its_own() -> None:
    shares = [
        (share.split, share.source.spec.drawing, share.origin, share.start, share.count)
        for share in list_shares(TINY, SOURCE)
    ]
    assert shares == [
        ("train", "current", "current", 0, 151),
        ("train", "classic", "classic", 151, 150),
        ("validation", "current", "current", 0, 50),
        ("validation", "classic", "classic", 50, 50),
        ("test", "current", "current", 0, 51),
        ("test", "classic", "classic", 51, 50),
    ]


def test_look_alikes_are_added_to_what_is_trained_on_and_to_nothing_else() -> None:
    config = dataclasses.replace(TINY, look_alikes="17,38", look_alike_captchas=41)
    shares = [share for share in list_shares(config, SOURCE) if share.split == "train"]
    assert shares[:2] == list(list_shares(TINY, SOURCE))[:2]
    assert [
        (share.source.spec.charset, share.source.spec.drawing, share.start, share.count)
        for share in shares[2:]
    ] == [
        ("17", "current", 301, 11),
        ("17", "classic", 312, 10),
        ("38", "current", 322, 10),
        ("38", "classic", 332, 10),
    ]
    assert {share.origin for share in shares[2:]} == {"look-alikes"}
    others = [share for share in list_shares(config, SOURCE) if share.split != "train"]
    assert others == list(list_shares(TINY, SOURCE))[2:]


def test_look_alikes_that_no_captcha_holds_are_left_out() -> None:
    config = dataclasses.replace(TINY, look_alikes="0O,17", look_alike_captchas=40)
    added = [share for share in list_shares(config, SOURCE) if share.origin == "look-alikes"]
    assert [(share.source.spec.charset, share.count) for share in added] == [("17", 20)] * 2
    none = dataclasses.replace(config, look_alikes="0O,Il")
    assert list(list_shares(none, SOURCE)) == list(list_shares(TINY, SOURCE))


def test_a_folder_alone_asks_for_nothing() -> None:
    config = dataclasses.replace(TINY, captchas=0, folder="own")
    assert list(list_shares(config, SOURCE)) == []
