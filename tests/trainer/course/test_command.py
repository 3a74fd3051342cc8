"""The command: which steps run, what it says, its exit status, and that it publishes nothing."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shared.captchas.dataset_archive import Dataset
from shared.settings import SettingsError
from tests.conftest import SPEC
from trainer.course.command import COPY_COMMAND, parse_course, run_steps
from trainer.course.steps import STEPS, Step, StepFunction
from trainer.course.workspace import CourseWorkspace
from trainer.data.dataset_requests import CaptchaSource, DatasetRequest
from trainer.directory_lock import lock_directory
from trainer.errors import DirectoryLockedError, GeneratorError
from trainer.settings import TrainerSettings

pytestmark = pytest.mark.usefixtures("no_settings")
SOURCE = CaptchaSource(SPEC, {}, "renderer")


class DrawingClient:
    """Sends blank captchas of any label."""

    def wait_ready(self, timeout_s: float) -> CaptchaSource:
        return SOURCE

    def fetch(self, request: DatasetRequest) -> Iterator[Dataset]:
        images = np.zeros((request.count, SPEC.height, SPEC.width), np.uint8)
        texts = [f"{index:04}" for index in range(request.count)]
        yield Dataset(SPEC, "renderer", request.seed, request.start, images, texts)


class FakeStep(Step):
    """A step that writes one file, or fails."""

    def load(self) -> StepFunction:
        def write(workspace: CourseWorkspace) -> list[Path]:
            if self.function in ERRORS:
                raise ERRORS[self.function]
            file = workspace.step_directory(self.function) / "figure.png"
            file.write_bytes(b"")
            return [file]

        return write


ERRORS: dict[str, BaseException] = {
    "unreachable": GeneratorError("gave up after 8 attempts"),
    "broken": ValueError("a bug"),
    "interrupted": KeyboardInterrupt(),
}


def run_fakes(directory: Path, *names: str) -> int:
    workspace = CourseWorkspace(directory, DrawingClient(), SOURCE, "tiny")  # type: ignore[arg-type]
    return run_steps(workspace, {name: FakeStep(name, "a fake") for name in names})


@pytest.fixture
def settings(tmp_path: Path) -> TrainerSettings:
    return TrainerSettings(models_dir=tmp_path / "models", data_dir=tmp_path / "data")


def test_the_steps_are_listed_in_the_order_of_the_course(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse_course(["--list"])
    assert exit_info.value.code == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == list(STEPS)
    assert names.index("dataset") < names.index("losses") < names.index("deployment")


@pytest.mark.parametrize("arguments", [["losses", "losess"], [], ["--size", "small"]])
def test_a_step_that_is_missing_or_unknown_is_answered_with_the_steps(
    arguments: list[str],
) -> None:
    with pytest.raises(SettingsError, match=r"step.*; the steps are dataset, processing"):
        parse_course(arguments)


@pytest.mark.parametrize("arguments", [["losses", "--size", "huge"], ["losses", "--siz", "tiny"]])
def test_an_unknown_size_or_option_ends_with_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse_course(arguments)
    assert exit_info.value.code == 2


@pytest.mark.parametrize("name", STEPS)
def test_the_functions_of_each_step_exist(name: str) -> None:
    step = STEPS[name]
    for reference in filter(None, (step.function, step.runs)):
        module, _, function = reference.partition(":")
        found = importlib.util.find_spec(f"trainer.course.{module}")
        assert found is not None
        assert found.origin is not None
        assert f"\ndef {function}(" in Path(found.origin).read_text()


def test_a_failing_step_does_not_end_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        status = run_fakes(tmp_path, "first", "unreachable", "broken", "last")

    assert status == 1
    assert sorted(file.parent.name for file in tmp_path.rglob("*.png")) == ["first", "last"]
    assert "unreachable failed: gave up after 8 attempts" in caplog.text
    assert "failed: unreachable, broken" in caplog.text
    # Only a bug is logged with its place in the code.
    assert [r.message for r in caplog.records if r.exc_info] == ["broken failed"]


def test_steps_that_succeed_end_with_status_0_and_the_command_that_copies(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        status = run_fakes(tmp_path, "first", "last")

    assert status == 0
    assert str(tmp_path / "last" / "figure.png") in caplog.text
    assert COPY_COMMAND in caplog.text


def test_ctrl_c_ends_all_steps(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_fakes(tmp_path, "interrupted", "last")
    assert not list(tmp_path.rglob("*.png"))


def test_the_course_is_run_by_one_process_at_a_time(settings: TrainerSettings) -> None:
    course = parse_course(["processing"])
    message = r"^the course is already running with this data volume$"
    with (
        lock_directory(settings.data_dir / "course", ""),
        pytest.raises(DirectoryLockedError, match=message),
    ):
        course(settings, DrawingClient())  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_comparison_writes_its_files_and_leaves_the_models_untouched(
    settings: TrainerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    version = settings.models_dir / "captcha" / "1" / "saved_model.pb"
    version.parent.mkdir(parents=True)
    version.write_bytes(b"the version that answers")
    course = parse_course(["losses", "--size", "tiny"])

    with caplog.at_level(logging.INFO):
        assert course(settings, DrawingClient()) == 0  # type: ignore[arg-type]

    written = settings.data_dir / "course" / "losses"
    assert sorted(file.name for file in written.iterdir()) == ["losses.png", "summary.csv"]
    assert [path for path in settings.models_dir.rglob("*") if path.is_file()] == [version]
    assert version.read_bytes() == b"the version that answers"
    # Histories only: checkpoints of finished trainings would be copied out too.
    runs = (written.parent / "runs").rglob("*")
    assert {file.name for file in runs if file.is_file()} == {"history.csv"}
    assert "4 trainings, " in caplog.text

    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert course(settings, DrawingClient()) == 0  # type: ignore[arg-type]
    assert "0 trainings (4 more are finished)" in caplog.text
