"""A split that is fetched alone, for the course and the audit."""

from __future__ import annotations

from trainer.config import SplitName, derive_split_seed
from trainer.data.dataset_requests import CaptchaSource, DatasetRequest
from trainer.data.generator_client import GeneratorClient
from trainer.data.splits import Split, build_split


def fetch_split(
    client: GeneratorClient, source: CaptchaSource, split: SplitName, seed: int, count: int
) -> Split:
    """Fetch the first captchas of a split, those that a training with the same seed would get.

    Raises:
        GeneratorError: if they cannot be fetched.
    """
    style = source.spec.style
    request = DatasetRequest(split, style, source, derive_split_seed(seed, split), 0, count)
    parts = ((style, part) for part in client.fetch(request))
    return build_split(parts, source.spec, report=lambda _: None)
