"""``tasks logs``: the logs of a task instance."""

import time
from typing import TYPE_CHECKING

import click

from chalicelib.cli.arguments import dag_argument, run_argument, task_argument
from chalicelib.cli.engine import connect, find_run
from chalicelib.cli.output.looking_on import interval_option, until_interrupted
from chalicelib.cli.tasks.mapped import check_map_index, map_index_option

if TYPE_CHECKING:
    from chalicelib.domain.runs.dag_runs import DagRun
    from chalicelib.domain.tasks.task_instances import TaskInstance
    from chalicelib.engine.engine import Engine


@click.command()
@dag_argument
@task_argument
@run_argument
@map_index_option
@click.option("--try", "try_number", type=click.IntRange(min=1), help="The try; the last one if left out.")
@click.option("--follow", "-f", is_flag=True, help="Print what comes, too, until the task instance is over.")
@interval_option
def logs(
    dag_id: str,
    task_id: str,
    execution_date_or_run_id: str,
    map_index: int,
    try_number: int | None,
    follow: bool,
    interval: float,
) -> None:
    """Print the log of a try of a task.

    With --follow, of all its tries unless one is named, and its state on standard error. A try's log is
    there when the try ends, a sensor's after each poke.

    Example: python -m chalicelib tasks logs example_hello report 2026-01-01T00:00:00 --follow
    """
    from chalicelib.engine.reading.queries import get_task_log

    engine = connect()
    run = find_run(engine, dag_id, execution_date_or_run_id)
    check_map_index(engine, run, task_id, map_index)
    if follow:
        with until_interrupted():
            if Follower(engine, run, task_id, map_index, try_number).follow(interval):
                return
    # Also if nothing came: then this says why.
    click.echo(get_task_log(engine, dag_id, run.execution_date, task_id, try_number, map_index), nl=False)


class Follower:
    """Prints what comes of the log of a task instance: of one try, or (None) of all."""

    def __init__(
        self, engine: "Engine", run: "DagRun", task_id: str, map_index: int, try_number: int | None
    ) -> None:
        self._engine = engine
        self._run = run
        self._task_id = task_id
        self._map_index = map_index
        self._try_number = try_number
        self._told: dict[int, bytes] = {}
        self._state = ""

    def follow(self, interval: float) -> bool:
        """Look every ``interval`` seconds until the task instance, or the try, is over.

        Whether there was a log. Raises ``DagNotFound``, ``TaskNotFound``, ``DagRunNotFound``,
        ``TaskInstanceNotFound``.
        """
        from chalicelib.engine.reading.queries import get_task_instance

        while True:
            # Read before the logs: a try's log is kept before its end is written.
            run, _, instance = get_task_instance(
                self._engine, self._run.dag_id, self._run.execution_date, self._task_id, self._map_index
            )
            self._tell_state(instance)
            for number in self._tries(instance):
                self._tell_log(number)
            if run.state.is_final or self._is_over(instance):
                return bool(self._told)
            time.sleep(interval)

    def _tries(self, instance: "TaskInstance") -> range:
        """Those that may have said something since the last look."""
        if self._try_number is None:
            return range(max(self._told, default=1), instance.try_number + 1)
        return range(self._try_number, min(self._try_number, instance.try_number) + 1)

    def _is_over(self, instance: "TaskInstance") -> bool:
        if self._try_number is not None and instance.try_number > self._try_number:
            return True
        return instance.state is not None and instance.state.is_final

    def _tell_state(self, instance: "TaskInstance") -> None:
        state = f"{instance.name} is {instance.state}, try {instance.try_number}"
        if state != self._state and not self._is_over(instance):
            click.echo(state, err=True)
        self._state = state

    def _tell_log(self, number: int) -> None:
        from chalicelib.domain.errors import TaskLogNotFound
        from chalicelib.engine.reading.queries import get_task_log

        run = self._run
        try:
            text = get_task_log(
                self._engine, run.dag_id, run.execution_date, self._task_id, number, self._map_index
            )
        except TaskLogNotFound:  # not yet, or its worker died
            return
        # A sensor's log that is too long loses its beginning: then all of it comes anew.
        click.echo(text.removeprefix(self._told.get(number, b"")), nl=False)
        self._told[number] = text
