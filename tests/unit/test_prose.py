"""The first line of each module: a noun phrase that names what the module holds."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "chalicelib"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] != "dags"]

CLAUSE = re.compile(r"(What|Which|Who|Whose|Where|When|Whether|How|Why|Nothing|[A-Z][a-z]+ing)\b")
"""Openings of a clause, or of an activity: a reader learns what is done, not what is here."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_begins_with_a_noun(path: Path) -> None:
    first_line = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]
    assert first_line
    assert not CLAUSE.match(first_line)
