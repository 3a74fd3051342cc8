"""Mutation testing of `shared/` and the trainer: `make mutation-test`, about 30 minutes on 2 cores.

cosmic-ray's operators change one place of the source at a time. A mutant is killed if a test fails.
Only the tests that mirror the mutated file run, first the module's own, then those of its package:
cosmic-ray's own runner would run one fixed command for all files.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[1]
FOLDERS = ("shared", "trainer/data", "trainer/training", "trainer/networks", "trainer/evaluation",
           "trainer/publishing")  # fmt: skip
FILES = ("trainer/config.py", "trainer/disk_space.py", "trainer/progress.py", "trainer/settings.py",
         "trainer/training_fingerprints.py")  # fmt: skip
# Figures are checked by eye, and layer sizes by the accuracy of a training.
EXCLUDED = {"trainer/evaluation/figures.py", "trainer/networks/compact.py",
            "trainer/networks/wide.py", "trainer/networks/blocks.py"}  # fmt: skip
TIMEOUT_S = 180.0
PASSED, NO_TESTS = 0, 5  # exit statuses of pytest


@dataclass(frozen=True)
class Mutation:
    """One place of a source file that an operator can change."""

    path: str
    operator: str
    occurrence: int
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.operator.rpartition('/')[2]} {self.occurrence}"


def list_sources() -> list[Path]:
    """Return the source files to mutate."""
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))]
    found += [ROOT / file for file in FILES]
    return [p for p in found if p.relative_to(ROOT).as_posix() not in EXCLUDED]


def list_mutations(path: Path) -> Iterator[Mutation]:
    """Yield all mutations of a file."""
    nodes = list(ast_nodes(get_ast_from_path(path)))
    for name in operator_names():
        operator_class = get_operator(name)
        if operator_class.arguments():
            continue
        operator = operator_class()
        positions = [p for node in nodes for p in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(positions):
            yield Mutation(path.relative_to(ROOT).as_posix(), name, occurrence, start[0])


def mutate(mutation: Mutation) -> str | None:
    """Return the changed source, or None if only annotations differ or the operator fails."""
    source = (ROOT / mutation.path).read_text()
    try:
        code = mutate_code(source, get_operator(mutation.operator)(), mutation.occurrence)
        is_changed = dump_without_annotations(code) != dump_without_annotations(source)
    except (AttributeError, SyntaxError):
        # cosmic-ray 8.7 fails on tuples of exceptions and negates `:=` without parentheses.
        return None
    return code if is_changed else None


def choose_mutants(count: int, seed: int) -> tuple[list[tuple[Mutation, str]], int]:
    """Return a random sample of mutations with the changed sources, and the number of all."""
    mutations = [m for path in list_sources() for m in list_mutations(path)]
    random.Random(seed).shuffle(mutations)
    changed = ((mutation, code) for mutation in mutations if (code := mutate(mutation)) is not None)
    return list(islice(changed, count)), len(mutations)


def dump_without_annotations(source: str) -> str:
    """Return the syntax tree as text, without annotations, which nothing evaluates."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


def list_test_paths(path: str) -> list[str]:
    """Return the mirroring test file and its folder, as far as they exist."""
    source = Path(path)
    folder = Path("tests") / source.parent
    file = folder / f"test_{source.name}"
    return [str(p) for p in (file, folder) if (ROOT / p).exists()]


def is_killed(mutation: Mutation, code: str, tree: Path) -> bool:
    """Write the mutant into a copy of the project and run its tests."""
    target = tree / mutation.path
    original = target.read_text()
    target.write_text(code)
    # A mutant can have the size and time stamp of the previous one, which byte code is matched by.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p",
               "no:cacheprovider", "-m", "not slow"]  # fmt: skip
    try:
        for tests in list_test_paths(mutation.path):
            result = subprocess.run(
                [*command, tests], cwd=tree, env=environment, timeout=TIMEOUT_S,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
            if result.returncode not in {PASSED, NO_TESTS}:
                return True
    except subprocess.TimeoutExpired:
        return True
    finally:
        target.write_text(original)
    return False


def count_killed(mutants: Sequence[tuple[Mutation, str]], workers: int) -> int:
    """Test mutants in parallel, print each result and return how many are killed."""
    trees: SimpleQueue[Path] = SimpleQueue()
    ignore = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "models")
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(workers) as executor:
        for i in range(workers):
            trees.put(Path(shutil.copytree(ROOT, Path(temporary, str(i)), ignore=ignore)))

        def test(mutant: tuple[Mutation, str]) -> bool:
            tree = trees.get()
            try:
                killed = is_killed(*mutant, tree)
            finally:
                trees.put(tree)
            print("killed  " if killed else "SURVIVED", mutant[0], flush=True)
            return killed

        return sum(executor.map(test, mutants))


def main() -> None:
    """Test a random sample of all mutants and print the fraction that is killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--min-killed", type=float, default=0.9)
    options = parser.parse_args()
    mutants, total = choose_mutants(options.sample, options.seed)
    killed = count_killed(mutants, options.workers) / len(mutants)
    print(f"{killed:.1%} of {len(mutants)} mutants killed, sampled from {total:,} mutations")
    sys.exit(killed < options.min_killed)


if __name__ == "__main__":
    main()
