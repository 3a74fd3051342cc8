"""The order of the values of an image in memory."""

from __future__ import annotations

from trainer.course.illustrations.data_figures.channel_order import list_memory_order


def test_channels_last_keeps_the_channels_of_a_pixel_together() -> None:
    values = list_memory_order()["channels_last"].tolist()
    assert values[:4] == [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 1, 0]]


def test_channels_first_keeps_the_pixels_of_a_channel_together() -> None:
    values = list_memory_order()["channels_first"].tolist()
    assert values[:4] == [[0, 0, 0], [0, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert [channel for _, _, channel in values] == [0] * 6 + [1] * 6 + [2] * 6
