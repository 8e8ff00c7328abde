"""``docs/errors.md`` lists every error code of the project, with the HTTP status that the API gives it."""

import ast
import importlib
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

from chalicelib.api.experimental.surface import EXPERIMENTAL
from chalicelib.api.http.errors import reply_to
from chalicelib.domain.errors import StoreUnavailable, UpdraftError

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "errors.md"

_ROW = re.compile(r"^\| `(?P<code>\w+)` \| (?P<status>\S+) \| `(?P<error>[\w.]+)` \|", re.MULTILINE)

Error = type[UpdraftError] | type[StoreUnavailable]


@cache
def errors() -> frozenset[Error]:
    """Every class of the project that is a refusal or a failure."""
    for module in _modules_with_errors():
        importlib.import_module(module)
    found: set[Error] = set()
    pending: list[Error] = [UpdraftError, StoreUnavailable]
    while pending:
        error = pending.pop()
        found.add(error)
        pending += error.__subclasses__()
    return frozenset(error for error in found if error.__module__.startswith("chalicelib."))


def _modules_with_errors() -> list[str]:
    """The modules that define such a class, found without importing all others."""
    bases: defaultdict[str, set[str]] = defaultdict(set)
    modules: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "chalicelib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases[node.name] |= {base.id for base in node.bases if isinstance(base, ast.Name)}
                modules[node.name].add(".".join(path.relative_to(ROOT).with_suffix("").parts))
    known = {UpdraftError.__name__, StoreUnavailable.__name__}
    while more := {name for name, of in bases.items() if of & known} - known:
        known |= more
    return sorted({module for name in known for module in modules[name]})


def _name(error: Error) -> str:
    return f"{error.__module__}.{error.__qualname__}".removeprefix("chalicelib.")


def _status(error: Error) -> str:
    """The HTTP status of an error; a dash for one that the API does not foresee."""
    status = reply_to(error.__new__(error), "GET /", EXPERIMENTAL).status
    return "-" if status == 500 else str(status)


def _with_a_code_of_their_own() -> dict[str, list[Error]]:
    by_code: dict[str, list[Error]] = {}
    for error in errors():
        if "code" in vars(error):
            by_code.setdefault(error.code, []).append(error)
    return by_code


def test_no_two_errors_have_the_same_code() -> None:
    shared = {code: found for code, found in _with_a_code_of_their_own().items() if len(found) > 1}
    assert not shared


def test_an_error_without_a_code_of_its_own_has_that_of_another_refusal() -> None:
    assert not [error for error in errors() - {UpdraftError} if error.code == UpdraftError.code]


def test_the_page_lists_every_code_with_its_error_and_its_http_status() -> None:
    listed = {row["code"]: (row["error"], row["status"]) for row in _ROW.finditer(PAGE.read_text("utf-8"))}
    assert listed == {
        code: (_name(error), _status(error)) for code, (error,) in _with_a_code_of_their_own().items()
    }


def test_the_codes_come_in_alphabetical_order() -> None:
    listed = [row["code"] for row in _ROW.finditer(PAGE.read_text("utf-8"))]
    assert listed == sorted(listed)
