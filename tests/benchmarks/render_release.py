"""Renders captchas with an installed release of the captcha library.

`python render_release.py COUNT CHARSET MIN_LENGTH MAX_LENGTH WIDTH HEIGHT FOLDER` writes PNG files
`<label>_<index>.png`. It imports nothing of this project, because it runs in another environment.
"""

import random
import sys
from pathlib import Path

from captcha.image import ImageCaptcha

SEED = 4_000_003  # no training with TRAIN_SEED=1 uses it


def main(count: int, charset: str, lengths: range, captcha: ImageCaptcha, folder: Path) -> None:
    # From release 0.7.1 on, the library uses `secrets`, so that only the texts are reproducible.
    random.seed(SEED)
    texts = random.Random(SEED)
    for index in range(count):
        text = "".join(texts.choices(charset, k=texts.choice(lengths)))
        captcha.write(text, str(folder / f"{text}_{index}.png"))


if __name__ == "__main__":
    count, charset, *numbers, folder = sys.argv[1:]
    shortest, longest, width, height = map(int, numbers)
    lengths = range(shortest, longest + 1)
    main(int(count), charset, lengths, ImageCaptcha(width, height), Path(folder))
