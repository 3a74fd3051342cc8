"""What a candidate shows of the trained model."""

from __future__ import annotations

import pytest

from shared.spec import CaptchaSpec
from trainer.networks import build_recogniser
from trainer.networks.tta import add_test_time_augmentation
from trainer.publishing.candidate import find_network


@pytest.mark.parametrize("views", [1, 3])
def test_the_network_that_is_drawn_is_the_trained_one(views: int) -> None:
    """A network with the weights of the bundled model has the size of that model."""
    recogniser = build_recogniser("compact", CaptchaSpec(width=200, height=80), (160, 60))
    network = find_network(add_test_time_augmentation(recogniser, views))
    assert network.name == "compact"
    assert network.input_shape == (None, 60, 160, 1)
    assert network.count_params() == recogniser.count_params()
