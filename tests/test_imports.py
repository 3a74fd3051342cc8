"""Data flows one way: the programs import `shared` and never each other."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = ("generator_service", "trainer", "inference_service")
SHARED_MAY_IMPORT = {"numpy", "PIL", "pydantic"} | set(sys.stdlib_module_names)


def imported(path: Path) -> set[str]:
    """Top-level names that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


def files(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_never_imports_another_nor_the_tests(program: str) -> None:
    others = set(PROGRAMS) - {program} | {"tests"}
    for path in files(program):
        assert not imported(path) & others, path


def test_shared_imports_only_what_every_program_has() -> None:
    for path in files("shared"):
        assert imported(path) - {"shared"} <= SHARED_MAY_IMPORT, path


def test_shared_never_reads_the_environment() -> None:
    for path in files("shared"):
        source = path.read_text()
        assert "environ[" not in source, path
        assert "os.environ" not in source, path
        assert "getenv" not in source, path


def test_each_heavy_library_has_one_home() -> None:
    homes = {
        "captcha": {"generator_service/drawing.py"},
        "openvino": {"inference_service/engines.py"},
        "tensorflow": {
            "inference_service/engines.py",
            "trainer/augmentation.py",
            "trainer/board.py",
            "trainer/export.py",
            "trainer/feed.py",
            "trainer/fitting.py",
            "trainer/training.py",
        },
        "matplotlib": {"trainer/plots.py"},
        "httpx": {"trainer/client.py", "trainer/__main__.py"},
        "fastapi": {"generator_service/app.py", "inference_service/app.py"},
    }
    for library, expected in homes.items():
        found = {
            path.relative_to(ROOT).as_posix()
            for package in (*PROGRAMS, "shared")
            for path in files(package)
            if library in imported(path)
        }
        # drawing.py loads the captcha library by name, as a private copy.
        assert found == (set() if library == "captcha" else expected), library
    assert '"captcha.image"' in (ROOT / "generator_service/drawing.py").read_text()


@pytest.mark.parametrize("package", [*PROGRAMS, "shared"])
def test_importing_a_module_reads_no_environment_and_starts_nothing(package: str) -> None:
    for path in files(package):
        if path.name == "__main__.py":
            continue
        for node in ast.parse(path.read_text()).body:
            calls = [n for n in ast.walk(node) if isinstance(n, ast.Attribute)]
            if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                assert not any(n.attr in ("environ", "getenv") for n in calls), path
