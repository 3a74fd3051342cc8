from __future__ import annotations

from trainer.config import TrainingConfig


def test_the_splits_of_any_seeds_never_share_a_dataset_seed() -> None:
    seeds = [s for n in range(50) for s in TrainingConfig(seed=n).split_seeds.values()]
    assert len(set(seeds)) == 150
