"""States and the moves between them."""

import pytest

from chalicelib.domain.states import (
    FINAL_STATES,
    LEGAL_MOVES,
    LEGAL_RUN_MOVES,
    RUN_MOVES_BY_HAND,
    DagRunState,
    TaskInstanceState,
)


def test_nothing_leaves_a_final_state() -> None:
    assert all(not LEGAL_MOVES[state] for state in FINAL_STATES)


def test_every_state_can_be_reached_and_can_come_to_an_end() -> None:
    reached: set[TaskInstanceState] = set()
    pending = list(LEGAL_MOVES[None])
    while pending:
        state = pending.pop()
        if state not in reached:
            reached.add(state)
            pending.extend(LEGAL_MOVES[state])
    assert reached == set(TaskInstanceState)


@pytest.mark.parametrize("state", DagRunState)
def test_a_run_is_over_when_it_succeeded_or_failed(state: DagRunState) -> None:
    assert state.is_final == (state in {"success", "failed"})


@pytest.mark.parametrize("state", DagRunState)
def test_a_run_leaves_its_end_by_hand_only(state: DagRunState) -> None:
    assert bool(LEGAL_RUN_MOVES[state]) != state.is_final
    assert RUN_MOVES_BY_HAND[state]


def test_every_state_of_a_run_can_be_reached() -> None:
    reached = {state for moves in LEGAL_RUN_MOVES.values() for state in moves}
    assert reached == set(DagRunState)
