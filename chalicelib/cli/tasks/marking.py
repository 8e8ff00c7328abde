"""``tasks set-state``, ``dags set-state`` and ``runs cancel``: marking, as Airflow's pages call it."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import click

from chalicelib.cli.arguments import (
    confirm,
    dag_argument,
    dry_run_option,
    run_argument,
    task_argument,
    yes_option,
)
from chalicelib.cli.engine import connect, find_run, runs_between
from chalicelib.cli.output.rows import coloured, tell_instances
from chalicelib.cli.tasks.altering import Wording, alter_after_asking
from chalicelib.cli.tasks.mapped import map_indexes_option
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.states import DagRunState, TaskInstanceState

if TYPE_CHECKING:
    from chalicelib.domain.tasks.task_instances import TaskInstance
    from chalicelib.engine.by_hand.marking import MarkRequest
    from chalicelib.engine.engine import Engine

_OF_RUNS = click.Choice([DagRunState.SUCCESS.value, DagRunState.FAILED.value])
_OF_TASKS = click.Choice(
    [TaskInstanceState.SUCCESS.value, TaskInstanceState.FAILED.value, TaskInstanceState.SKIPPED.value]
)


@click.command("set-state")
@dag_argument
@task_argument
@run_argument
@click.argument("state", type=_OF_TASKS)
@click.option("--upstream", "-u", is_flag=True, help="With all that comes before it.")
@click.option("--downstream", "-d", is_flag=True, help="With all that comes after it.")
@click.option("--past", is_flag=True, help="In the DAG's earlier runs, too.")
@click.option("--future", is_flag=True, help="In the DAG's later runs, too.")
@map_indexes_option
@dry_run_option
@yes_option
def set_task_state(
    dag_id: str,
    task_id: str,
    execution_date_or_run_id: str,
    state: str,
    upstream: bool,
    downstream: bool,
    past: bool,
    future: bool,
    map_indexes: tuple[int, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    """Set a task instance to success, failed or skipped by hand; what comes after it goes on.

    As in Airflow, failed tasks downstream of it are cleared, so that they run again. Of a mapped task all
    instances are set, or with --map-index these.

    Example: python -m chalicelib tasks set-state example_hello report 2026-01-01T00:00:00 failed --yes
    """
    from functools import partial

    from chalicelib.engine.by_hand.marking import mark_tasks
    from chalicelib.engine.reading.queries import get_task_instance, get_task_of_run

    engine = connect()
    run = find_run(engine, dag_id, execution_date_or_run_id)
    get_task_of_run(engine, run, task_id)  # or there is no such task in this run
    for map_index in map_indexes:
        get_task_instance(engine, dag_id, run.execution_date, task_id, map_index)  # or no such instance
    dates = (None if past else run.execution_date, None if future else run.execution_date)
    choice = Choice(
        task_ids=(task_id,), map_indexes=map_indexes or None, upstream=upstream, downstream=downstream
    )
    wording = Wording(
        nothing=f"Nothing to set to {state}.",
        question=f"You are about to set these {{count}} task instances to {state}.",
        done=f"{{count}} task instances set to {coloured(state)}",
    )
    requests = _requests(engine, dag_id, dates, choice, TaskInstanceState(state))
    tell, carry_out = partial(_tell, engine), partial(mark_tasks, engine)
    alter_after_asking(requests, tell, carry_out, wording, dry_run=dry_run, yes=yes)


def _requests(
    engine: "Engine",
    dag_id: str,
    dates: tuple[datetime | None, datetime | None],
    choice: Choice,
    state: TaskInstanceState,
) -> "Iterator[MarkRequest]":
    """What to mark, run by run, in those that have the task."""
    from chalicelib.engine.by_hand.marking import MarkRequest
    from chalicelib.engine.graphs import graph_of_run

    for run in runs_between(engine, dag_id, *dates):
        if set(choice.task_ids or ()) <= graph_of_run(engine, run).tasks.keys():
            yield MarkRequest(dag_id=dag_id, execution_date=run.execution_date, choice=choice, state=state)


def _tell(engine: "Engine", request: "MarkRequest") -> int:
    """Tell what would be marked of a run; how many that are."""
    from dataclasses import replace

    from chalicelib.engine.by_hand.marking import mark_tasks

    found = mark_tasks(engine, replace(request, dry_run=True))
    tell_instances(f"{request.dag_id} {request.execution_date.isoformat()} ", found)
    return len(found)


@click.command("set-state")
@dag_argument
@run_argument
@click.argument("state", type=_OF_RUNS)
@dry_run_option
@yes_option
def set_run_state(dag_id: str, execution_date_or_run_id: str, state: str, dry_run: bool, yes: bool) -> None:
    """Set a run to success, with all of its tasks; or to failed, with those that are not over.

    Of these, what runs fails and what has not run is skipped. To have a run go on, clear its tasks.

    Example: python -m chalicelib dags set-state example_hello 2026-01-01T00:00:00 success --yes
    """
    from chalicelib.engine.by_hand.cancelling import cancel_run
    from chalicelib.engine.by_hand.marking import mark_run_success

    mark = mark_run_success if state == DagRunState.SUCCESS else cancel_run
    run_id = _mark_run(dag_id, execution_date_or_run_id, state, mark, dry_run=dry_run, yes=yes)
    if not dry_run:
        click.echo(f"Run {run_id} set to {coloured(state)}")


@click.command()
@dag_argument
@run_argument
@dry_run_option
@yes_option
def cancel(dag_id: str, execution_date_or_run_id: str, dry_run: bool, yes: bool) -> None:
    """Cancel a run that goes on: it fails, what runs fails with it, what has not run is skipped.

    A run that is over stays as it is; 'dags set-state' changes what it came to.

    Example: python -m chalicelib runs cancel example_hello 2026-01-01T00:00:00 --yes
    """
    from chalicelib.engine.by_hand.cancelling import cancel_run

    run = find_run(connect(), dag_id, execution_date_or_run_id)
    if run.state.is_final:
        click.echo(f"Run {run.run_id} is over: {coloured(run.state)}")
        return
    run_id = _mark_run(dag_id, run.run_id, DagRunState.FAILED, cancel_run, dry_run=dry_run, yes=yes)
    if not dry_run:
        click.echo(f"Run {run_id} cancelled")


class _MarkRun(Protocol):
    def __call__(
        self, engine: "Engine", dag_id: str, execution_date: datetime, *, dry_run: bool = False
    ) -> "list[TaskInstance]": ...


def _mark_run(
    dag_id: str, date_or_run_id: str, state: str, mark: _MarkRun, *, dry_run: bool, yes: bool
) -> str:
    """Tell what setting a run to a state alters, ask, and do it; of a dry run only the first. Its run id."""
    engine = connect()
    run = find_run(engine, dag_id, date_or_run_id)
    tell_instances("", mark(engine, dag_id, run.execution_date, dry_run=True))
    if not dry_run:
        confirm(f"You are about to set run {run.run_id} of {dag_id} to {state}.", yes=yes)
        mark(engine, dag_id, run.execution_date)
    return run.run_id
