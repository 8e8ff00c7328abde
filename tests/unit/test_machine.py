import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine import Need, absent

ROOT = Path(__file__).parents[2]
CI = (ROOT / ".ci" / "run").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
SOMETHING = Need(what="Something was", packages="some-package", switch="UPDRAFT_TESTS_NEED_SOMETHING")


def needs() -> Iterator[dict[str, str]]:
    """The arguments of each ``Need`` that a test module declares at its top."""
    for path in (ROOT / "tests").rglob("*.py"):
        for statement in ast.parse(path.read_text()).body:
            made = statement.value if isinstance(statement, ast.Assign) else None
            if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id == "Need":
                yield {word.arg or "": ast.literal_eval(word.value) for word in made.keywords}


def test_ci_installs_what_tests_need_and_has_them_fail_without_it() -> None:
    found = list(needs())
    assert {need["switch"] for need in found} >= {"UPDRAFT_TESTS_NEED_A_KDC", SOMETHING.switch}
    installed = {
        package for line in re.findall(r'^packages\+?="(.*)"$', CI, re.MULTILINE) for package in line.split()
    }
    for need in found:
        if need["switch"] != SOMETHING.switch:
            assert set(need.get("packages", "").split()) <= installed
            # What no package of Debian's brings may be too large for CI: its own target sets its switch.
            assert f"{need['switch']}=1" in (CI + MAKEFILE if "made_by" in need else CI)


def test_what_is_missing_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SOMETHING.switch, raising=False)
    SOMETHING.of_programs("sh")
    assert absent("sh") is None
    with pytest.raises(pytest.skip.Exception) as skipped:
        SOMETHING.of_programs("sh", "no-such-program")
    assert str(skipped.value) == (
        "Something was not tested: no-such-program cannot be found (Debian: apt-get install some-package)"
    )


def test_where_it_is_needed_a_test_fails_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SOMETHING.switch, "1")
    with pytest.raises(pytest.fail.Exception, match="Something was not tested"):
        SOMETHING.of_programs("no-such-program")
