"""The pytest plugin for users' DAG files: the fixture ``updraft_dag``, which runs a DAG to its end.

``pytest_plugins = ["chalicelib.testing"]`` in a ``conftest.py`` is all that it needs. A run goes through the
real engine over the store in memory (``simulation.one_run``), each try in a process of its own.

May import ``domain``, ``authoring``, ``engine``, ``simulation``, ``store.memory`` and ``user_code``, and is
imported by nothing. A change violates this package when a test can see anything of another test.
"""

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.testing.results import RunResult

if TYPE_CHECKING:
    from chalicelib.testing.dags import DagUnderTest


_MOST_RUNS = 3
"""How many runs of a test that failed are shown: the last ones."""


class UpdraftDag:
    """Loads DAGs for a test; called with a file, or with the id of a DAG of the DAGs folder."""

    def __init__(self, test_folder: Path) -> None:
        self._test_folder = test_folder
        self.runs: list[RunResult] = []

    def __call__(
        self,
        file_or_dag_id: str | Path,
        dag_id: str | None = None,
        *,
        also: Sequence[str] = (),
        folder: str | Path | None = None,
        variables: Mapping[str, Any] | None = None,
        connections: Mapping[str, Any] | None = None,
        env: Mapping[str, str | None] | None = None,
        now: str | datetime | None = None,
        real_time: bool = False,
        marked: str | None = None,
    ) -> "DagUnderTest":
        """A DAG, ready to be run.

        A file is a path that ends in ``.py``: looked for in ``folder`` (the DAGs folder if left out), in the
        working directory and beside the test. ``dag_id`` chooses where a file defines several DAGs. Besides
        that file only those of ``also`` are loaded (paths in the same folder); with the id of a DAG, all
        files of the folder are.

        ``variables`` (values that are no texts become JSON) and ``connections`` (a URI, a dict of a
        connection's fields, or JSON) are all that the DAG finds of these: those of the machine's environment
        are hidden. ``env`` is added to the environment of tasks, and None in it takes one away. ``now`` is
        what Airflow's clock says at the beginning. Tasks whose ids the regular expression ``marked`` fits as
        a whole succeed without being run. Fails the test where the DAG cannot be loaded, with the
        reason.
        """
        from chalicelib.testing.dags import Given, dag_under_test, place_of

        place = place_of(file_or_dag_id, dag_id, also, folder, self._test_folder)
        given = Given.of(variables or {}, connections or {}, env or {})
        return dag_under_test(
            place, given, now=now, real_time=real_time, marked=marked, tell=self.runs.append
        )


@pytest.fixture
def updraft_dag(request: pytest.FixtureRequest) -> UpdraftDag:
    """``updraft_dag("file.py")`` or ``updraft_dag("dag_id")``: a DAG to run in this test alone."""
    return UpdraftDag(request.path.parent)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show beside a failure how the runs of the test ended, and what their failed tasks logged."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    fixture = fixtures.get("updraft_dag")
    if report.when == "call" and report.failed and isinstance(fixture, UpdraftDag):
        for run in fixture.runs[-_MOST_RUNS:]:
            report.sections.append(("updraft_dag", "\n".join(run.lines())))
    return report
