"""What a run of scripted tasks may end as, by the model of Airflow's scheduler (I7)."""

from collections.abc import Sequence
from functools import lru_cache

from hypothesis import assume

from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.engine.graphs import graph_of_run
from chalicelib.simulation.world import World
from tests.scripted.airflow_model.drivers import TooManyMoments, ends_after, usual
from tests.scripted.airflow_model.facts import Facts
from tests.scripted.airflow_model.passes import resumed, started
from tests.scripted.airflow_model.tables import Key, Outcome, Rows
from tests.scripted.airflow_model.tries import clear
from tests.scripted.dags import ScriptedDag, Shape

MOMENTS = 3_000
"""So many that nearly every DAG that tests draw can be tried in every order, in a fraction of a second."""


def outcome_of_run(world: World, run: DagRun) -> Outcome:
    """State of the run, and task id, map index and state of each task instance that exists, in order."""
    items, graph = world.engine.items(run.run_uid), graph_of_run(world.engine, run)
    instances = (item for task in graph.tasks.values() for item in items.instances_of(task))
    rows = sorted((item.task_id, item.map_index, item.state) for item in instances)
    found = world.store.dag_runs.get(run.dag_id, run.execution_date)
    assert found is not None
    return found.state, tuple(rows)


def outcomes(
    dag: ScriptedDag, rows: Rows | None = None, cleared: frozenset[Key] = frozenset()
) -> frozenset[Outcome] | None:
    """All ends that some timing of Airflow's gives a run of the DAG; None where there are too many to try.

    ``rows`` are the task instances to begin with, where some of them have ended before; of these some may
    have been cleared then.
    """
    return _possible(tuple(dag.shapes), rows, cleared)


@lru_cache(maxsize=256)
def _possible(
    shapes: Sequence[Shape], rows: Rows | None, cleared: frozenset[Key]
) -> frozenset[Outcome] | None:
    facts = Facts(shapes)
    tables = started(facts) if rows is None else resumed(facts, rows)
    clear(facts, tables, cleared)
    try:
        return ends_after(facts, tables, limit=MOMENTS)
    except TooManyMoments:
        return None


def assert_ended_as_airflow_may(
    world: World,
    dag: ScriptedDag,
    run: DagRun,
    rows: Rows | None = None,
    cleared: frozenset[Key] = frozenset(),
) -> None:
    """The run is over, and some timing ends it so in Airflow; examples with too many timings are given up.

    ``rows`` are the task instances from which it went on, ``cleared`` those of them that were cleared then.
    """
    assert not list(world.store.dag_runs.unfinished(dag.dag_id))
    allowed = outcomes(dag, rows, cleared)
    assume(allowed is not None)
    assert allowed is not None
    assert outcome_of_run(world, run) in allowed


def assert_ended_as_airflow_might(world: World, dag: ScriptedDag, run: DagRun) -> None:
    """The same of a run whose tasks were cleared on the way: each instance ends in a state of its own.

    Where all timings give one end that is the end; else parts of the run may have gone by different ones.
    """
    assert not list(world.store.dag_runs.unfinished(dag.dag_id))
    allowed = outcomes(dag)
    assume(allowed is not None)
    assert allowed is not None
    found = outcome_of_run(world, run)
    if len(allowed) == 1:
        assert found in allowed
    for row in found[1]:
        assert row in {row for _, rows in allowed for row in rows}
    assert found[0] in {state for state, _ in allowed}


def assert_ended_as_usual(world: World, dag: ScriptedDag, run: DagRun) -> None:
    """The run is over, and Airflow ends it so where its passes are much faster than tries."""
    assert not list(world.store.dag_runs.unfinished(dag.dag_id))
    assert outcome_of_run(world, run) == usual(dag.shapes)
