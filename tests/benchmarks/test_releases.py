"""What other releases draw; the one of this environment stands for them, nothing is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.labels import decode
from shared.spec import CaptchaSpec
from tests.benchmarks import releases
from tests.benchmarks.releases import RELEASES, Release, ReleaseError, draw, main, run, write_table
from trainer.evaluation import score

HERE = Path(sys.executable)
# Enough that a tenth of them is never none: what reads folders asks for it.
CAPTCHAS = 150


def test_a_release_draws_labelled_captchas_of_the_kind_asked_for(tmp_path: Path) -> None:
    spec = CaptchaSpec("abcXYZ", 3, 120, 50, min_length=2)
    split = draw(HERE, spec, CAPTCHAS, tmp_path / "drawn")
    assert split.images.shape == (CAPTCHAS, 50, 120)
    texts = decode(split.labels, spec)
    assert {len(text) for text in texts} == {2, 3}
    assert set("".join(texts)) == set("abcXYZ")
    # Paper is light and a text is dark: no picture is empty.
    assert (np.ptp(split.images.reshape(CAPTCHAS, -1), axis=1) > 50).all()
    assert split.origins == (("drawn", CAPTCHAS),)


def test_the_texts_are_the_same_in_every_release(tmp_path: Path) -> None:
    spec = CaptchaSpec("0123456789", 4, 160, 60)
    names = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        draw(HERE, spec, CAPTCHAS, folder)
        names.append({path.name for path in folder.iterdir()})
    assert names[0] == names[1]
    assert len(names[0]) == CAPTCHAS


def test_what_fails_says_its_last_words() -> None:
    with pytest.raises(ReleaseError, match=r"^ERROR: none such$"):
        run([HERE, "-c", "import sys; print('trying'); sys.exit('ERROR: none such\\n')"])
    with pytest.raises(ReleaseError, match="ended with 3"):
        run([HERE, "-c", "raise SystemExit(3)"])


def test_the_table_has_shares_and_reasons(tmp_path: Path) -> None:
    spec = CaptchaSpec("01", 2, 60, 40)
    split = draw(HERE, spec, CAPTCHAS, tmp_path / "drawn")
    answers = np.eye(2, dtype=np.float32)[split.labels]
    answers[0] = answers[0, :, ::-1]  # both characters of the first captcha are read wrong
    right = score(answers, split, spec)
    lines = [*write_table(RELEASES[:2], [right, ReleaseError("no wheel")])]
    assert lines[1].startswith("| 0.2.4, Pillow 9.5.0 | 99.33% | 96.3")
    assert lines[2] == "| 0.3, Pillow 9.5.0 | not measured: no wheel | |"


def test_a_version_is_measured_on_releases_that_can_be_had(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def install(release: Release, directory: Path) -> Path:
        if release.captcha != "0.7.1":
            raise ReleaseError("no wheel")
        return HERE

    monkeypatch.setattr(releases, "install", install)
    assert main([str(models / "1"), "--captchas", str(CAPTCHAS)]) == os.EX_OK
    output = capsys.readouterr().out
    assert output.startswith(f"{CAPTCHAS} captchas of each, 10 characters, 4 in each, 160x60")
    assert output.count("not measured: no wheel") == len(RELEASES) - 1
    assert "| 0.7.1, Pillow 10.4.0 | " in output


def test_no_release_at_all_is_a_failure(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(releases, "RELEASES", (Release("99.0", "9.5.0"),))
    monkeypatch.setattr(releases, "install", lambda release, directory: HERE)
    monkeypatch.setattr(releases, "run", _refuse)
    assert main([str(models / "1")]) == os.EX_UNAVAILABLE
    assert "not measured: no such release" in capsys.readouterr().out


def _refuse(command: object) -> None:
    raise ReleaseError("no such release")
