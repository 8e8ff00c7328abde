"""Runs of the DAG files of this package, over installed provider packages and with real waits."""

from collections.abc import Mapping
from pathlib import Path

from chalicelib.testing.dags import DagUnderTest, Given, Place, dag_under_test
from chalicelib.testing.results import RunResult
from tests.providers.sets import folder_of

DAGS = Path(__file__).with_name("dags")
DATE = "2026-01-02"


def dag(
    file: str, dag_id: str | None, *, connections: Mapping[str, object], environ: Mapping[str, str]
) -> DagUnderTest:
    """A DAG of a file in the folder ``dags``; None: its only one."""
    given = Given.of(
        variables={},
        connections=connections,
        env={"UPDRAFT__CORE__USER_PACKAGES": str(folder_of("A")), **environ},
    )
    place = Place(folder=DAGS, names=(file,), dag_id=dag_id)
    return dag_under_test(place, given, now=None, real_time=True, tell=lambda _run: None)


def not_successful(run: RunResult) -> set[str]:
    """The names of the instances that did not end well."""
    return {each.name for each in run.instances if each.state != "success"}


def log_of(run: RunResult) -> str:
    """All that the run logged."""
    return "".join([*(each.log for each in run.instances), *(call.log for call in run.callbacks)])
