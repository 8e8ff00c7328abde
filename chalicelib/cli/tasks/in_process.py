"""``tasks test``: one try of one task on this machine, without a server and without a trace."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.airflow_cfg import Configuration
from chalicelib.cli.arguments import JSON_OBJECT, dag_argument, task_argument
from chalicelib.cli.dags.dag_files import (
    files_of,
    logs_of_tasks_apart,
    looking_for,
    subdir_option,
    tell_failures,
)
from chalicelib.cli.engine import moment
from chalicelib.cli.output.rows import coloured
from chalicelib.cli.tasks.mapped import check_map_index_of, map_index_option
from chalicelib.cli.tasks.rendering import tell_rendered
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.states import TaskInstanceState

if TYPE_CHECKING:
    from chalicelib.domain.graph.callbacks import CallbackRequest
    from chalicelib.domain.runs.outcomes import TryRequest
    from chalicelib.engine.ports.worker import TryReport
    from chalicelib.simulation.one_run import Laboratory, WantedRun
    from chalicelib.user_code.rendering import Render

_FAILED = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UP_FOR_RETRY})


@click.command("test")
@dag_argument
@task_argument
@click.argument("execution_date_or_run_id", required=False)
@subdir_option
@map_index_option
@click.option(
    "--task-params", "-t", "params", type=JSON_OBJECT, default="{}", help="Values of params, a JSON object."
)
@click.option(
    "--env-vars", type=JSON_OBJECT, default="{}", help="Variables of the task's environment, a JSON object."
)
@click.option(
    "--dry-run", "--dry_run", "-n", "is_dry_run", is_flag=True, help="Render the templates, and run nothing."
)
@click.option("--real-time", is_flag=True, help="Let a sensor really wait between its pokes.")
def tasks_test(
    dag_id: str,
    task_id: str,
    execution_date_or_run_id: str | None,
    subdir: Path | None,
    map_index: int,
    params: dict[str, Any],
    env_vars: dict[str, Any],
    is_dry_run: bool,
    real_time: bool,
) -> None:
    """Run one task of a DAG file, here and now, as if nothing came before it; exit code 1 if it failed.

    It runs once, whatever its retries; its callbacks are called. Nothing is kept, no server is needed, and
    there are no XComs of other tasks. Of a mapped task one instance runs.

    Example: python -m chalicelib tasks test example_hello report 2026-01-01
    """
    from chalicelib.authoring.surroundings.configuration import configured_by
    from chalicelib.simulation.one_run import Laboratory, WantedRun, Watch
    from chalicelib.user_code.runner import own_environment, render_try

    context = click.get_current_context()
    context.with_resource(configured_by(Configuration.read().get))
    context.with_resource(logs_of_tasks_apart())

    def environment() -> Mapping[str, str]:
        added = {name: str(value) for name, value in env_vars.items()}
        return {**own_environment(), "AIRFLOW_TEST_MODE": "True", **added}

    files = files_of(subdir)
    laboratory = Laboratory(
        files.folder,
        Watch(on_try=_tell, on_callbacks=_tell_callbacks),
        names=files.names,
        real_time=real_time,
        environment=environment,
    )
    date = _date(execution_date_or_run_id)
    wanted = WantedRun(
        dag_id=dag_id, execution_date=date or datetime.now(UTC), is_undated=date is None, conf=params
    )
    if is_dry_run:
        with looking_for(dag_id, subdir or files.folder, laboratory.failures):
            store = laboratory.engine.store
            render = render_try(files.folder, store.variables, environment, connections=store.connections)
            _tell_rendered(laboratory, render, wanted, task_id, map_index)
        return
    with looking_for(dag_id, subdir or files.folder, laboratory.failures):
        check_map_index_of(laboratory.engine, dag_id, task_id, map_index)
        instance = laboratory.run_task(wanted, task_id, map_index)
    tell_failures(laboratory.failures)
    click.echo(f"{instance.name}: {coloured(str(instance.state))}", err=True)
    if instance.state in _FAILED:
        raise click.exceptions.Exit(1)


def _date(text: str | None) -> datetime | None:
    """The date; None for what is none: an id, as Airflow takes it, of a run that is not there."""
    if text is None:
        return None
    try:
        return moment(text)
    except InvalidRequest:
        return None


def _tell(_request: "TryRequest", report: "TryReport") -> None:
    click.echo(report.log.decode(errors="replace"), nl=False)


def _tell_callbacks(_request: "CallbackRequest", printed: bytes) -> None:
    click.echo(printed.decode(errors="replace"), nl=False)


def _tell_rendered(
    laboratory: "Laboratory", render: "Render", wanted: "WantedRun", task_id: str, map_index: int
) -> None:
    from chalicelib.user_code.rendering import planned_run, render_task, without_the_others

    engine = laboratory.engine
    check_map_index_of(engine, wanted.dag_id, task_id, map_index)
    run = planned_run(engine, wanted.dag_id, wanted.execution_date)
    with without_the_others(engine, run, task_id, map_index):
        tell_rendered(render_task(engine, render, run, task_id, map_index))
