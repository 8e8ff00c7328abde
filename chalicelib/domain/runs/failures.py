"""Rows of failed runs, as Airflow counts them for ``max_consecutive_failed_dag_runs``."""

from collections.abc import Sequence

from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.states import DagRunState


def is_counted(run: DagRun) -> bool:
    """Whether the end of a run has the row counted: it failed by its tasks, and by nothing else.

    A run that timed out, that was deadlocked or that was marked by hand counts only within the row of one
    that failed so later.
    """
    return run.state is DagRunState.FAILED and run.reason is None


def is_row_of_failures(latest: Sequence[DagRun], most: int) -> bool:
    """Whether the latest ``most`` runs of a DAG, by execution date and in whatever state, all failed."""
    return len(latest) >= most and all(run.state is DagRunState.FAILED for run in latest[:most])
