"""``simulate``: a run of a DAG under faults, compared with the run without."""

import json
import logging
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.airflow_cfg import Configuration
from chalicelib.cli.arguments import MOMENT, conf_option, dag_argument
from chalicelib.cli.dags.dag_files import files_of, looking_for, subdir_option, tell_failures
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.tasks.keys import instance_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.domain.messages import Message
    from chalicelib.domain.runs.outcomes import TryRequest
    from chalicelib.engine.ports.worker import TryReport
    from chalicelib.simulation.crowd import Occurrence
    from chalicelib.simulation.faulty_run import Difference, FaultyRun, Model
    from chalicelib.simulation.one_run import FinishedRun

_DEFAULT_SEEDS = 10
_MOST_NAMED = 4
"""Tasks in the line of a seed."""


@click.command()
@dag_argument
@click.argument("execution_date", type=MOMENT, required=False)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=_DEFAULT_SEEDS,
    show_default=True,
    help="Under how many different faults: seeds 1 to N.",
)
@click.option("--seed", type=int, help="Only this seed, and tell each step.")
@conf_option
@subdir_option
@click.option("--json", "as_json", is_flag=True, help="Let the last line be the outcome as JSON.")
def simulate(
    dag_id: str,
    execution_date: datetime | None,
    seeds: int,
    seed: int | None,
    conf: dict[str, Any],
    subdir: Path | None,
    as_json: bool,
) -> None:
    """Run one run of a DAG file under faults; exit code 1 if it does not always end as without.

    Messages come twice, late and out of order, calls of the store fail, workers and schedulers are killed at
    any step. Your tasks really run, many times over; Airflow's time is virtual, as in
    dags test. A task's worker is killed only as often as its retries allow, for that costs a try. The same
    seed makes the same faults.

    Example: python -m chalicelib simulate example_hello 2026-01-01 --seeds 3
    """
    from chalicelib.authoring.surroundings.configuration import configured_by
    from chalicelib.simulation.faulty_run import Attempt, model_of
    from chalicelib.simulation.one_run import Laboratory, WantedRun

    click.get_current_context().with_resource(configured_by(Configuration.read().get))
    files = files_of(subdir)
    folder = files.folder
    laboratory = Laboratory(folder, names=files.names)
    tell_failures(laboratory.failures)
    date = execution_date or datetime.now(UTC)
    with looking_for(dag_id, subdir or folder):
        model = model_of(laboratory, WantedRun(dag_id=dag_id, execution_date=date, conf=conf))
    _tell_model(model)
    attempts = []
    for number in (None, *(range(1, seeds + 1) if seed is None else [seed])):
        is_told = seed is not None and number is not None
        attempt = Attempt(
            model,
            folder,
            number,
            tell=_tell if is_told else _say_nothing,
            tell_try=_tell_try if is_told else _say_nothing,
        )
        with _quiet_engine():
            attempts.append(attempt.run())
        _report(attempts[-1])
    _conclude(model, attempts)
    if as_json:
        click.echo(json.dumps(_document(model, attempts)))
    if not all(attempt.is_as_without for attempt in attempts):
        raise click.exceptions.Exit(1)


def _tell_model(model: "Model") -> None:
    run = model.finished
    click.echo(f"without faults: {run.run.state}")
    if run.stuck:
        raise click.ClickException(f"Without faults, too, it does not go on: {'; '.join(run.stuck)}")


@contextmanager
def _quiet_engine() -> "Iterator[None]":
    """What it warns of is what it is made to suffer."""
    engine = logging.getLogger("chalicelib.engine")
    level = engine.level
    engine.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        engine.setLevel(level)


def _say_nothing(*_what: Any) -> None:
    """Several seeds get a line each, and no steps."""


def _tell(occurrence: "Occurrence") -> None:
    words = [_named(occurrence.message)] if occurrence.message else []
    at = timedelta(seconds=int(occurrence.at.total_seconds()))
    click.echo(f"  +{at} {occurrence.kind}: {' '.join([*words, occurrence.detail]).rstrip()}")


def _named(message: "Message") -> str:
    """The message's type, and what it is about: ``RunTask load[2], try 1``."""
    task_id, try_number = getattr(message, "task_id", None), getattr(message, "try_number", None)
    name = task_id and instance_name(task_id, getattr(message, "map_index", NOT_MAPPED))
    about = [text for text in (name, try_number and f"try {try_number}") if text]
    return " ".join([type(message).__name__, ", ".join(about)]).rstrip()


def _tell_try(request: "TryRequest", report: "TryReport") -> None:
    outcome = report.outcome
    reason = f" ({outcome.reason})" if outcome.reason else ""
    name = instance_name(request.task_id, request.map_index)
    click.echo(f"  {name}, try {request.try_number}, ran: {outcome.result}{reason}")


def _report(attempt: "FaultyRun") -> None:
    title = "again without faults" if attempt.seed is None else f"seed {attempt.seed}"
    faults = ", ".join(_counted(count, kind) for kind, count in attempt.faults.items())
    click.echo(f"{title}: {faults + ': ' if faults else ''}{_ending(attempt)}{_repeats(attempt)}")
    for difference in attempt.differences:
        click.echo(f"  {_told(difference)}")


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _ending(attempt: "FaultyRun") -> str:
    if attempt.broken:
        return f"UPDRAFT BROKE A PROMISE, please report it: {attempt.broken}"
    state = attempt.run.run.state if attempt.run else None
    model = "before" if attempt.seed is None else "without faults"
    return f"{state}, {'as' if attempt.is_as_without else 'NOT AS'} {model}"


def _repeats(attempt: "FaultyRun") -> str:
    repeated = sorted(attempt.repeated.items())
    if len(repeated) > _MOST_NAMED:
        return f"; {len(repeated)} tasks ran again"
    ran = [f"{instance_name(*instance)} ran {count} times" for instance, count in repeated]
    return f"; {', '.join(ran)}" if ran else ""


def _told(difference: "Difference") -> str:
    task_id = difference.task_id
    name = "the run" if task_id is None else instance_name(task_id, difference.map_index)
    reason = f": {difference.reason}" if difference.reason else ""
    return f"{name}: {difference.was} without faults, now {difference.became}{reason}"


def _conclude(model: "Model", attempts: "Sequence[FaultyRun]") -> None:
    seeds = [attempt for attempt in attempts if attempt.seed is not None]
    same = sum(attempt.is_as_without for attempt in seeds)
    click.echo(f"{same} of {len(seeds)} as without faults.")
    if model.never_killed:
        click.echo(f"Never killed, for they have no retries to spare: {', '.join(model.never_killed)}.")
    other = next((attempt.seed for attempt in seeds if not attempt.is_as_without), None)
    if other is not None and len(seeds) > 1:
        click.echo(f"Each step of the first that is not: --seed {other}", err=True)


def _document(model: "Model", attempts: "Sequence[FaultyRun]") -> dict[str, Any]:
    return {
        **_states(model.finished),
        "seeds": [
            {
                "seed": attempt.seed,
                "faults": attempt.faults,
                **(_states(attempt.run) if attempt.run else {}),
                "same": attempt.is_as_without,
            }
            for attempt in attempts
        ],
    }


def _states(run: "FinishedRun") -> dict[str, Any]:
    return {
        "run": run.run.state,
        "tasks": [[item.task_id, item.map_index, item.state] for item in run.instances],
    }
