"""Runs of the DAG files of this package, over installed provider packages and with real waits."""

from collections.abc import Mapping
from pathlib import Path

from chalicelib.testing.dags import DagUnderTest, Given, Place, dag_under_test
from chalicelib.testing.results import RunResult
from tests.providers.sets import folder_of

DAGS = Path(__file__).with_name("dags")
FOLDERS = {"A": DAGS, "large": DAGS.with_name("dags_of_large")}
"""The folders of DAG files by the set of packages that they are for."""

DATE = "2026-01-02"


def dag(
    file: str,
    dag_id: str | None,
    *,
    connections: Mapping[str, object],
    environ: Mapping[str, str],
    name: str = "A",
) -> DagUnderTest:
    """A DAG of a file over a set of packages; None: its only one."""
    given = Given.of(
        variables={},
        connections=connections,
        env={"UPDRAFT__CORE__USER_PACKAGES": str(folder_of(name)), **environ},
    )
    place = Place(folder=FOLDERS[name], names=(file,), dag_id=dag_id)
    return dag_under_test(place, given, now=None, real_time=True, tell=lambda _run: None)


def not_successful(run: RunResult) -> set[str]:
    """The names of the instances that did not end well."""
    return {each.name for each in run.instances if each.state != "success"}


def log_of(run: RunResult) -> str:
    """All that the run logged."""
    return "".join([*(each.log for each in run.instances), *(call.log for call in run.callbacks)])
