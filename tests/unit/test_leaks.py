from pathlib import Path

import pytest

from tests.leaks import leak

pytest_plugins = ["pytester"]


@pytest.mark.parametrize("line", ["lovelace", "Authorization: Basic YWRhOmxvdmVsYWNl", "$2b$12$abc"])
def test_a_secret_is_found(line: str) -> None:
    assert leak(f"before\n{line}\nafter") is not None
    assert leak("nothing to see") is None


def test_a_test_that_logs_a_secret_fails(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeconftest("from tests.conftest import pytest_runtest_makereport as pytest_runtest_makereport")
    pytester.makepyfile(
        """
        import logging

        def test_harmless():
            logging.warning("nothing")

        def test_careless():
            logging.warning("the password is lovelace")
        """
    )
    # In a process of its own: this test has a log as well.
    pytester.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=2, errors=1)
