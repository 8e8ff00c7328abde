"""The tiers of tests stand apart; which one may import which is written here and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

SHARED = {"scripted"}
"""Packages that every tier may import, as it may the instruments, which are modules of ``tests`` itself."""

DAG_FOLDERS = {"dags", "dags_of_large", "random_dags", "mapped_dags", "scripted_dags", "fault_dags"}

MAY_IMPORT: dict[str, set[str]] = {
    "scripted": set(),
    "unit": set(),
    "property": set(),
    "conformance": set(),
    "budgets": set(),
    "integration": set(),
    "corpus": set(),
    "providers": set(),
    "contract": {"integration"},  # cases are replayed against the local server
    "e2e": {"integration", "contract"},
    "bench": {"integration", "e2e"},
}
"""Per tier (a package of ``tests``) the other tiers it may import, beside what all share."""


def _modules() -> list[Path]:
    """All but DAG files, which import what Airflow calls so."""
    paths = (path.relative_to(TESTS) for path in sorted(TESTS.rglob("*.py")))
    return [path for path in paths if DAG_FOLDERS.isdisjoint(path.parts)]


def _imported(path: Path) -> Iterator[list[str]]:
    """The parts of each name of ``tests`` that a module imports, without ``tests`` itself."""
    for node in ast.walk(ast.parse((TESTS / path).read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1:] for name in names if name.startswith("tests."))


def _is_package(name: str) -> bool:
    return (TESTS / name / "__init__.py").exists()


@pytest.mark.parametrize("path", _modules(), ids=str)
def test_a_module_imports_only_tiers_that_its_own_may(path: Path) -> None:
    tier = path.parts[0]
    allowed = MAY_IMPORT[tier] | SHARED | {tier} if _is_package(tier) else set()
    assert {parts[0] for parts in _imported(path) if _is_package(parts[0])} <= allowed


def test_every_tier_has_its_rule() -> None:
    assert {path.name for path in TESTS.iterdir() if _is_package(path.name)} == MAY_IMPORT.keys()
