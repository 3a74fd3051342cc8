"""Training data: fetch, split, sample, augment and batch captchas."""
