"""The `synthetic` rendering style: captchas of many designs, for training on unknown ones."""
