"""Decisions about the runs that the clock starts."""

from datetime import datetime

from chalicelib.domain.runs.dag_runs import DagRunType, RunFacts
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.schedule.custom import WAIT_FOR_AN_ANSWER
from chalicelib.domain.schedule.timetables import CUSTOM

_NO_FURTHER_RUN = "the DAG's schedule has no further run"


def reason_to_wait(dag: Dag, active_runs: int, now: datetime) -> str | None:
    """Why the DAG's next automated run is not made now, in words; None: it is to be made.

    ``active_runs`` counts all its runs that are queued or running, as Airflow's ``max_active_runs`` does
    where runs are created.
    """
    if dag.is_deleted:
        return "the DAG was deleted"
    if not dag.is_active:
        return "no deployed file defines the DAG any more"
    if not dag.schedule.is_automatic:
        return "the DAG has no schedule"
    if dag.next_run is None:
        return f"its timetable failed: {dag.planning_error}" if dag.planning_error else _NO_FURTHER_RUN
    if dag.is_paused:
        return "the DAG is paused"
    if dag.next_run.run_after > now:
        return f"the next run is due at {dag.next_run.run_after.isoformat()}"
    if active_runs >= dag.schedule.max_active_runs:
        return f"{active_runs} runs are queued or running; max_active_runs is {dag.schedule.max_active_runs}"
    return None


def asks_its_timetable(dag: Dag, now: datetime) -> bool:
    """Whether the DAG's own timetable has to be asked (again) for the next run."""
    is_going = not (dag.is_deleted or dag.is_paused) and dag.is_active
    return is_going and dag.ask_at is not None and dag.ask_at <= now


def is_waiting_for_an_answer(dag: Dag, now: datetime) -> bool:
    """Whether a question to the DAG's own timetable is open: there is no plan, and no answer that says so.

    After such an answer the timetable is asked again later than where none came.
    """
    is_own = dag.schedule.expression == CUSTOM and dag.next_run is None
    return is_own and dag.ask_at is not None and dag.ask_at <= now + WAIT_FOR_AN_ANSWER


def may_be_behind(run: RunFacts, now: datetime) -> bool:
    """Whether the run after one that ends now may be due already: a hint, from the run alone.

    True when about half an interval or more has passed since the run itself was due.
    """
    if run.run_type is not DagRunType.SCHEDULED:
        return False
    return now - run.data_interval_end >= (run.data_interval_end - run.data_interval_start) / 2
