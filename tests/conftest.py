"""Settings of the whole suite, and what holds in each of its tests."""

import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import outside
from tests.leaks import leak
from tests.plain_text import keep_failures, make_plain

# The same examples each time, so that a change is told of what it breaks; `thorough` looks for new ones.
settings.register_profile("dev", max_examples=36, deadline=None, print_blob=True, derandomize=True)
settings.register_profile(
    "thorough",
    max_examples=3000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_configure() -> None:
    """Make a SIGTERM end the tests as Ctrl-C does: what they started is stopped first.

    Credentials are not looked for at an address that only machines on AWS have.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test in whose log there is a secret, at its very end; what is said of failures is plain text."""
    report = yield
    make_plain(report)
    leaked = leak(report.caplog) if report.when == "teardown" else None
    if leaked and report.passed:
        report.outcome = "failed"
        report.longrepr = f"a secret is in the log: {leaked}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Hide from a test which one it is: user code's processes are started anew for another environment."""
    name = os.environ.pop("PYTEST_CURRENT_TEST", None)
    try:
        return (yield)
    finally:
        if name is not None:
            os.environ["PYTEST_CURRENT_TEST"] = name


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Leave a text of what failed."""
    keep_failures(terminalreporter, config)


@pytest.fixture(autouse=True, scope="session")
def _no_test_reaches_outside() -> Iterator[None]:
    with outside.refused():
        yield


@pytest.fixture(autouse=True, scope="module")
def _plugins_end_with_their_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder without plugins takes the place of one loaded: its listeners would hear of others' tasks."""
    yield
    loading = sys.modules.get("chalicelib.authoring.plugins.folder")
    if loading is not None and loading.current().plugins:
        empty: Path = tmp_path_factory.mktemp("no_plugins")
        loading.load_plugins(empty, empty)
