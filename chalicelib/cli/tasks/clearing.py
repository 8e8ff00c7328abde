"""``tasks clear``: tasks that are to run again."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from chalicelib.cli.arguments import (
    MOMENT,
    PATTERN,
    dag_argument,
    dry_run_option,
)
from chalicelib.cli.engine import connect, dag_ids_of, runs_between
from chalicelib.cli.output.rows import tell_instances
from chalicelib.cli.tasks.altering import Wording, alter_after_asking
from chalicelib.cli.tasks.mapped import map_indexes_option
from chalicelib.domain.plans.by_hand import Choice

if TYPE_CHECKING:
    from chalicelib.engine.by_hand.clearing import ClearRequest
    from chalicelib.engine.engine import Engine


@click.command()
@dag_argument
@click.option("--task-regex", "--task_regex", "-t", type=PATTERN, help="Only tasks whose id it fits.")
@click.option("--start-date", "--start_date", "-s", type=MOMENT, help="Only runs from this date on.")
@click.option("--end-date", "--end_date", "-e", type=MOMENT, help="Only runs up to this date.")
@click.option("--upstream", "-u", is_flag=True, help="With all that comes before them.")
@click.option("--downstream", "-d", is_flag=True, help="With all that comes after them.")
@click.option("--only-failed", "--only_failed", "-f", is_flag=True, help="Only what failed.")
@click.option("--only-running", "--only_running", "-r", is_flag=True, help="Only what runs.")
@click.option("--dag-regex", "--dag_regex", "-R", is_flag=True, help="Take DAG_ID as a regular expression.")
@map_indexes_option
@dry_run_option
@click.option("--yes", "--no_confirm", "-y", "-c", is_flag=True, help="Do not ask.")
def clear(
    dag_id: str,
    task_regex: re.Pattern[str] | None,
    start_date: datetime | None,
    end_date: datetime | None,
    upstream: bool,
    downstream: bool,
    only_failed: bool,
    only_running: bool,
    dag_regex: bool,
    map_indexes: tuple[int, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    """Clear task instances, so that they run again; without dates, of all runs.

    With --map-index only these instances of the mapped tasks that --task-regex fits, and all instances of
    what --upstream and --downstream add.

    Example: python -m chalicelib tasks clear example_hello -t report -s 2026-01-01 -e 2026-01-01 --yes
    """
    engine = connect()
    choice = Choice(
        map_indexes=map_indexes or None,
        upstream=upstream,
        downstream=downstream,
        only_failed=only_failed,
        only_running=only_running,
    )
    requests = [
        request
        for each in dag_ids_of(engine, dag_id, is_regex=dag_regex)
        for request in clear_requests(engine, each, (start_date, end_date), task_regex, choice)
    ]
    clear_after_asking(engine, requests, dry_run=dry_run, yes=yes)


def clear_requests(
    engine: "Engine",
    dag_id: str,
    dates: tuple[datetime | None, datetime | None],
    pattern: re.Pattern[str] | None,
    choice: Choice,
) -> "list[ClearRequest]":
    """What to clear, run by run, the oldest first, each with what it marks in other DAGs, all once.

    Raises ``DagNotFound``, and ``InvalidRequest`` where marks lead too far.
    """
    from dataclasses import replace

    from chalicelib.engine.by_hand.clearing import ClearRequest
    from chalicelib.engine.by_hand.marked import marked_by
    from chalicelib.engine.graphs import graph_of_run

    requests = []
    for run in runs_between(engine, dag_id, *dates):
        names = graph_of_run(engine, run).tasks
        fitting = tuple(name for name in names if pattern is None or pattern.search(name))
        if fitting:
            wanted = replace(choice, task_ids=fitting)
            requests.append(ClearRequest(dag_id=dag_id, execution_date=run.execution_date, choice=wanted))
            requests += marked_by(engine, run, wanted)
    return list({repr(request): request for request in requests}.values())


def clear_after_asking(
    engine: "Engine", requests: "Sequence[ClearRequest]", *, yes: bool, dry_run: bool = False
) -> None:
    """Tell what is cleared, ask, and clear it; raises ``click.Abort`` for a no."""
    from functools import partial

    from chalicelib.engine.by_hand.clearing import clear_tasks

    wording = Wording(
        nothing="Nothing to clear.",
        question="You are about to clear these {count} task instances.",
        done="{count} task instances cleared",
    )
    tell, carry_out = partial(_tell, engine), partial(clear_tasks, engine)
    alter_after_asking(requests, tell, carry_out, wording, dry_run=dry_run, yes=yes)


def _tell(engine: "Engine", request: "ClearRequest") -> int:
    """Tell what would be cleared of a run; how many that are."""
    from dataclasses import replace

    from chalicelib.engine.by_hand.clearing import clear_tasks

    found = clear_tasks(engine, replace(request, dry_run=True))
    begun = [item for item in found if item.state is not None]
    tell_instances(f"{request.dag_id} {request.execution_date.isoformat()} ", begun)
    return len(begun)
