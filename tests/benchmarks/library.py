"""The captcha library alone: how many PNG files one process of it makes in a second.

`python -m tests.benchmarks.library SECONDS` prints it.
"""

import random
import sys
import time

from captcha.image import ImageCaptcha

WIDTH, HEIGHT = 160, 60
WARM_UP = 20


def main(seconds: float) -> None:
    captcha = ImageCaptcha(WIDTH, HEIGHT)
    texts = random.Random(1)

    def draw() -> None:
        captcha.generate(f"{texts.randrange(10_000):04}")

    for _ in range(WARM_UP):
        draw()
    captchas, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        draw()
        captchas += 1
    print(captchas / passed)


if __name__ == "__main__":
    main(float(sys.argv[1]))
