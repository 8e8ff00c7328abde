"""The model of Airflow's scheduler ends every recorded DAG as Airflow did."""

from typing import Any

import pytest
from hypothesis import given

from chalicelib.domain.states import FINAL_STATES, DagRunState
from tests.property.examples import examples
from tests.scripted.airflow_model.drivers import TooManyMoments, possible, usual
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.mapped_scenarios import mapped_shapes
from tests.scripted.mapped_specs import shapes_of_mapped
from tests.scripted.recorded import recorded_dags, recorded_outcome, recorded_shapes

FILES = [
    "random_dags/random_dags.json",
    "setup_dags.json",
    "dated_dags.json",
    "scripted_dags/scripted_dags.json",
]
RECORDED = [recorded for file in FILES for recorded in recorded_dags(file)]
MAPPED = recorded_dags("mapped_dags/mapped_dags.json")
MOMENTS = 1_500
"""So many that nearly all recorded DAGs can be tried in every order."""


def assert_it_is_possible(shapes: list[Shape], recorded: dict[str, Any]) -> None:
    try:
        found = possible(shapes, limit=MOMENTS)
    except TooManyMoments:
        pytest.skip("too many orders of events to try them all")
    assert recorded_outcome(recorded) in found


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["dag_id"])
def test_a_dag_usually_ends_as_recorded(recorded: dict[str, Any]) -> None:
    assert usual(recorded_shapes(recorded)) == recorded_outcome(recorded)


@pytest.mark.parametrize("recorded", MAPPED, ids=lambda recorded: recorded["dag_id"])
def test_a_dag_with_mapped_tasks_usually_ends_as_recorded(recorded: dict[str, Any]) -> None:
    assert usual(shapes_of_mapped(recorded)) == recorded_outcome(recorded)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["dag_id"])
def test_the_recorded_end_of_a_dag_is_possible(recorded: dict[str, Any]) -> None:
    assert_it_is_possible(recorded_shapes(recorded), recorded)


@pytest.mark.parametrize("recorded", MAPPED, ids=lambda recorded: recorded["dag_id"])
def test_the_recorded_end_of_a_dag_with_mapped_tasks_is_possible(recorded: dict[str, Any]) -> None:
    assert_it_is_possible(shapes_of_mapped(recorded), recorded)


@given(mapped_shapes())
def test_random_mapped_tasks_make_a_graph_and_their_run_ends(shapes: list[Shape]) -> None:
    assert list(ScriptedDag(shapes).graph.tasks) == [shape.task_id for shape in shapes]
    run_state, rows = usual(shapes)
    assert run_state.is_final
    states = {state for _, _, state in rows}
    assert states <= {None, *FINAL_STATES}
    assert None not in states or run_state is DagRunState.FAILED


@given(mapped_shapes())
@examples(20)
def test_the_usual_end_of_random_mapped_tasks_is_possible(shapes: list[Shape]) -> None:
    try:
        found = possible(shapes, limit=MOMENTS)
    except TooManyMoments:
        return
    assert usual(shapes) in found
