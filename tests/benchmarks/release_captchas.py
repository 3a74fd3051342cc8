"""Captchas as one release of the library draws them: run by a Python that has that release.

`python release_captchas.py COUNT CHARSET SHORTEST LONGEST WIDTH HEIGHT FOLDER` writes PNG files
named `<label>_<index>.png`. It knows nothing of this project, which that Python need not have.
"""

import random
import sys
from pathlib import Path

from captcha.image import ImageCaptcha

SEED = 4_000_003


def main(count: int, charset: str, lengths: range, captcha: ImageCaptcha, folder: Path) -> None:
    # Releases from 0.7.1 on take their own dice from `secrets`: only the texts are the same again.
    random.seed(SEED)
    texts = random.Random(SEED)
    for index in range(count):
        text = "".join(texts.choices(charset, k=texts.choice(lengths)))
        captcha.write(text, str(folder / f"{text}_{index}.png"))


if __name__ == "__main__":
    shortest, longest, width, height = map(int, sys.argv[3:7])
    main(
        int(sys.argv[1]),
        sys.argv[2],
        range(shortest, longest + 1),
        ImageCaptcha(width, height),
        Path(sys.argv[7]),
    )
