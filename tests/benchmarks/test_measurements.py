"""Measurements of real programs, with few captchas."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from shared.captchas.labels import decode
from shared.captchas.spec import CaptchaSpec
from tests.benchmarks import fresh_captchas, non_captchas, releases, rendering, servers
from tests.benchmarks.processes import ProgramError, find_cores, started
from tests.benchmarks.servers import BUNDLED
from tests.benchmarks.training import DEFAULT, run_trainer, write_preset

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")


def test_the_gateway_keeps_its_rules_in_front_of_a_replica_on_this_machine() -> None:
    config = servers.GATEWAY_CONFIG.read_text()
    derived = servers.derive_config(config, 6000, {"inference": [7001]})
    assert "bind 127.0.0.1:6000" in derived
    assert "bind :" not in derived
    assert derived.count("server inference1 127.0.0.1:7001") == config.count("server-template inf")
    assert "resolvers container" not in derived
    changed = ("bind ", "server", "default-server ")
    kept, original = (
        [line for line in text.splitlines() if not line.strip().startswith(changed)]
        for text in (derived.partition("\ndefaults")[2], config.partition("\ndefaults")[2])
    )
    assert kept == original


@pytest.mark.parametrize("kind", ["npz", "zip"])
def test_only_complete_and_undamaged_datasets_are_counted(
    generator: httpx.Client, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rendering.measure_generator(str(generator.base_url), kind, 40, 0.01) > 0
    count = rendering.count_captchas

    def cut(path: Path) -> int:
        path.write_bytes(path.read_bytes()[:-100])
        return count(path)

    for fault in (cut, lambda path: count(path) - 1):
        monkeypatch.setattr(rendering, "count_captchas", fault)
        with pytest.raises(Exception, match=r"contains 39|damaged|not a"):
            rendering.measure_generator(str(generator.base_url), kind, 40, 0.01)


def test_a_program_is_waited_for_until_it_prints_a_line_or_ends() -> None:
    code = "import sys, time; print(sys.argv[1], flush=True); time.sleep(float(sys.argv[2]))"
    command = [sys.executable, "-c", code]
    core = set(find_cores()[:1])
    with started([*command, "learning", "60"], core) as program:
        program.wait_end(30, "learning")
        assert program.process.poll() is None
        with pytest.raises(ProgramError, match=r"not done after 0\.1 s; its last line: learning"):
            program.wait_end(0.1, "published")
    with started([*command, "learning", "0"], core) as program:
        program.wait_end(30, "published")
    with (
        started([*command, "learning", "none"], core) as program,
        pytest.raises(ProgramError, match="exit status 1"),
    ):
        program.wait_end(30, "published")


def test_a_release_renders_captchas_of_the_spec(tmp_path: Path) -> None:
    spec = CaptchaSpec("abcXYZ", 3, 120, 50, min_length=2)
    split = releases.render_split(Path(sys.executable), spec, 50, tmp_path / "captchas")
    assert split.images[:].shape == (50, 50, 120)
    assert {len(text) for text in decode(split.labels, spec)} == {2, 3}


def test_a_release_that_cannot_be_installed_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def install(captcha: str, pillow: str, directory: Path) -> Path:
        if captcha != "0.7.1":
            releases._run([sys.executable, "-c", "import sys; sys.exit('no wheel')"])
        return Path(sys.executable)

    monkeypatch.setattr(releases, "install", install)
    releases.main([str(BUNDLED), "--captchas", "20"])
    output = capsys.readouterr().out
    assert output.count("not measured: no wheel") == len(releases.RELEASES) - 1
    assert "| 0.7.1, Pillow 10.4.0 | " in output


def test_a_version_is_measured_on_fresh_captchas_of_each_style(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fresh_captchas.main([str(BUNDLED), "--captchas", "100"])
    rows = capsys.readouterr().out.splitlines()[-2:]
    assert [row.split(" | ")[0] for row in rows] == ["| `current`", "| `classic`"]
    assert all(row.split(" | ")[3] == "50" for row in rows)


@pytest.mark.slow
def test_a_training_is_measured_from_start_to_published_version(
    generator: httpx.Client, tmp_path: Path
) -> None:
    preset = write_preset(DEFAULT, tmp_path, small=True)
    run = run_trainer(["--preset", preset], str(generator.base_url), find_cores())
    assert 0 < run.best_epoch_s <= run.metrics.training_s + 0.1 < run.total_s
    assert run.metrics.epochs == 1
    assert 0 <= run.best_validation_accuracy <= 1


def test_the_confidence_is_measured_on_each_kind_of_image(
    capsys: pytest.CaptureFixture[str],
) -> None:
    non_captchas.main([str(BUNDLED), "--images", "12"])
    rows = capsys.readouterr().out.splitlines()[-3:]
    assert ["photo" in row for row in rows] == [False, True, False]
    assert all(row.split(" | ")[1] == "12" for row in rows)
