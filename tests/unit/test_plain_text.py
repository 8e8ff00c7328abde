from pathlib import Path

import pytest

from tests.plain_text import FAILED_TESTS, LINES_AT_EACH_END, plain, shortened

pytest_plugins = ["pytester"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it\n\tis: größer", "as it\n\tis: größer"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("10 %\r100 %\r\n", "10 %\n100 %\n"),
        ("a\0b\x07\x9b", r"a\x00b\x07\x9b"),
        ("half \udcff", r"half \udcff"),
    ],
)
def test_a_text_is_shown_without_what_a_terminal_acts_on(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_of_very_many_lines_the_first_and_the_last_are_shown() -> None:
    few = [f"{number}\n" for number in range(2 * LINES_AT_EACH_END)]
    assert shortened("".join(few)) == "".join(few)
    shown = shortened("".join([*few, "more\n", "last"])).splitlines(keepends=True)
    assert shown[:LINES_AT_EACH_END] == few[:LINES_AT_EACH_END]
    assert shown[LINES_AT_EACH_END] == "... 2 lines left out ...\n"
    assert shown[-2:] == ["more\n", "last"]


def test_what_failed_is_said_and_kept_as_text(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeini("[pytest]")
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(
        r"""
        import pytest

        def test_sound():
            print("not kept")

        def test_hostile():
            print("\x1b[31mprinted\0")
            pytest.fail("said\0\udcff")

        def test_without_its_fixture(nowhere):
            pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:xdist")
    result.assert_outcomes(passed=1, failed=1, errors=1)
    kept = (pytester.path / FAILED_TESTS).read_text()
    for text in (result.stdout.str(), kept):
        assert r"printed\x00" in text
        assert r"said\x00\udcff" in text
        assert "fixture 'nowhere' not found" in text
        assert plain(text) == text
    assert "not kept" not in kept


def test_a_run_in_which_nothing_failed_leaves_what_was_kept(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeini("[pytest]")
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile("def test_sound(): pass")
    (pytester.path / FAILED_TESTS).parent.mkdir()
    (pytester.path / FAILED_TESTS).write_text("of before")
    pytester.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=1)
    assert (pytester.path / FAILED_TESTS).read_text() == "of before"
