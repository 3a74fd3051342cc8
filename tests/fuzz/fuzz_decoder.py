"""Fuzzer of the image decoder: `python -m tests.fuzz.fuzz_decoder SECONDS FOLDER`.

The decoder must return pixels in the shape of the spec or raise ImageError, within a second. Any
other result ends the run with exit code 77 and writes the input to FOLDER;
`python -m tests.fuzz.fuzz_decoder 0 FOLDER INPUT` runs that input again. Further arguments are
passed to libFuzzer. The fuzzer ends its process, so it cannot run inside pytest.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections import Counter
from pathlib import Path

import atheris

# Mutations are guided by the coverage of the modules that are imported here.
with atheris.instrument_imports(include=["shared", "PIL"]):
    from PIL import Image

    from shared.captchas.images import ImageError, decode_image

    Image.init()  # imports the plugins of all formats
from shared.captchas.spec import CaptchaSpec
from tests.fuzz.seed_images import MAX_BYTES, encode_seed_images
from tests.shared.encoded_images import PNG_SIGNATURE

SPEC = CaptchaSpec()
MAX_CPU_S = 1.0  # CPU time, so that a busy machine does not make an input look slow
REPORT_EVERY = 10_000
outcomes: Counter[str] = Counter()


def fuzz_one(data: bytes) -> None:
    """Decode an input. libFuzzer reports every exception except ImageError."""
    started = time.process_time()
    try:
        image = decode_image(data, SPEC)
    except ImageError as error:
        outcomes[type(error).__name__] += 1
    else:
        outcomes["pixels"] += 1
        assert image.dtype == "uint8", image.dtype
        assert image.shape == (SPEC.height, SPEC.width), image.shape
    cpu_s = time.process_time() - started
    assert cpu_s < MAX_CPU_S, f"decoding took {cpu_s:.2f} s"
    if outcomes.total() % REPORT_EVERY == 0:
        print(dict(outcomes), flush=True)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change some bytes, and correct the checksums of three PNGs in four.

    Most mutated PNGs would otherwise be rejected for their checksums.
    """
    data = atheris.Mutate(data, max_size)
    return correct_checksums(data) if seed % 4 else data


def correct_checksums(data: bytes) -> bytes:
    """Return a PNG with the correct CRC-32 in each chunk; return other data unchanged."""
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
    """Write the seed images to the corpus and run libFuzzer."""
    seconds, folder, *extra = sys.argv[1:]
    corpus = Path(folder, "corpus")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(encode_seed_images()):
        assert len(data) <= MAX_BYTES, f"libFuzzer would truncate seed image {number}"
        (corpus / f"seed{number:02}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_BYTES}",
        "-timeout=20",  # for a decoder that never returns; MAX_CPU_S finds a slow one
        "-rss_limit_mb=2048",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    has_input = any(not argument.startswith("-") for argument in extra)
    inputs = [] if has_input else [str(corpus)]
    atheris.Setup([sys.argv[0], *options, *extra, *inputs], fuzz_one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
