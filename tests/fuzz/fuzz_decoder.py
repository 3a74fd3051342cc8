"""Throws mutated pictures at the decoder: `python -m tests.fuzz.fuzz_decoder SECONDS FOLDER`.

Anything but pixels of the spec's shape or an ImageError, within a second, ends the run with exit
code 77 and leaves the input in FOLDER, where `python -m tests.fuzz.fuzz_decoder 0 FOLDER INPUT`
tries it again. What else is given goes to libFuzzer. It needs its own process, which it ends.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections import Counter
from pathlib import Path

import atheris

# Only what is imported here tells which lines an input reached, which is what steers the changes.
with atheris.instrument_imports(include=["shared", "PIL"]):
    from PIL import Image

    from shared.images import ImageError, decode_image

    Image.init()  # imports the readers of all formats
from shared.spec import CaptchaSpec
from tests.fuzz.seeds import MAX_BYTES, seeds
from tests.shared.pictures import PNG_SIGNATURE

SPEC = CaptchaSpec()
MAX_S = 1.0  # of processor time: a busy machine must not look like a slow input
outcomes: Counter[str] = Counter()


def try_one(data: bytes) -> None:
    """Raises what libFuzzer reports as a finding."""
    began = time.process_time()
    try:
        image = decode_image(data, SPEC)
    except ImageError as error:
        outcomes[type(error).__name__] += 1
    else:
        outcomes["pixels"] += 1
        assert image.dtype == "uint8", image.dtype
        assert image.shape == (SPEC.height, SPEC.width), image.shape
    took = time.process_time() - began
    assert took < MAX_S, f"took {took:.2f} s"
    if outcomes.total() % 10_000 == 0:
        print(dict(outcomes), flush=True)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Some bytes changed; in most PNGs with checksums that fit again, else few get past them."""
    data = atheris.Mutate(data, max_size)
    return with_right_crcs(data) if seed % 4 else data


def with_right_crcs(data: bytes) -> bytes:
    """The PNG with the CRC of each chunk computed again; anything else as it is."""
    if not data.startswith(PNG_SIGNATURE):
        return data
    out = bytearray(data)
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(out):
        end = position + 12 + int.from_bytes(out[position : position + 4])
        if end > len(out):
            break
        out[end - 4 : end] = zlib.crc32(out[position + 4 : end - 4]).to_bytes(4)
        position = end
    return bytes(out)


def main() -> None:
    seconds, folder, *more = sys.argv[1:]
    corpus = Path(folder, "corpus")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds()):
        assert len(data) <= MAX_BYTES, f"libFuzzer would cut seed {number} off"
        (corpus / f"seed{number:02}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_BYTES}",
        "-timeout=20",  # for what never returns; MAX_S finds what is merely slow
        "-rss_limit_mb=2048",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    retried = any(not option.startswith("-") for option in more)
    places = [] if retried else [str(corpus)]
    atheris.Setup([sys.argv[0], *options, *more, *places], try_one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
