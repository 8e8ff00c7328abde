"""The end of a try, what it orders to be skipped or stopped, and clearing."""

from collections.abc import Iterable

from chalicelib.domain.states import DagRunState, TaskInstanceState
from tests.scripted.airflow_model.facts import Facts
from tests.scripted.airflow_model.lengths import Lengths
from tests.scripted.airflow_model.tables import READY, Key, State, Tables, is_finished

SUCCESS, FAILED, SKIPPED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED

Fate = tuple[State, bool]
"""The state of an instance whose try was open when another try gave it an order, and whether it still is."""

IF_SKIPPED: tuple[Fate, ...] = ((SKIPPED, True), (SKIPPED, False), (READY, True))
"""The order is seen while the try goes on; the try had not begun, or is ended by force; the order is lost."""

IF_STOPPED: tuple[Fate, ...] = ((FAILED, False), (SKIPPED, False), (FAILED, True), (READY, True))
"""The try is ended by force; it had not begun; it ends by itself before that; the order is lost."""


def end_try(
    facts: Facts, tables: Tables, key: Key, *, fails_in_any_case: bool = False
) -> dict[Key, tuple[Fate, ...]]:
    """End the open try of an instance as its script says, and carry out what it orders.

    An order overwrites whatever state it finds. Where a try is open in spite of that, its own success or
    skip wins; its failure does if it was ``AirflowFailException`` or no exception of Airflow's
    (``fails_in_any_case``). Returned is what may become of the other open tries that got an order; each
    has met the first of its fates.
    """
    behaviour = facts.shapes[key[0]].behaviour_of(key[1])
    has_failed = fails(facts, tables, key)
    tables.open_tries.remove(key)
    _forget_xcoms(facts, tables, key)
    if has_failed:
        if is_finished(tables.states[key]) and not fails_in_any_case and behaviour != "fail for good":
            return {}
        return _fail(facts, tables, key)
    if behaviour == "skip":
        tables.states[key] = SKIPPED
        return {}
    tables.states[key] = SUCCESS
    if behaviour != "nothing":
        tables.outputs[key] = facts.returned(key[0], tables.tries[key])
    return _order(facts, tables, key)


def clear(facts: Facts, tables: Tables, keys: Iterable[Key]) -> None:
    """Clear instances that have no open try, and let the run go on.

    What they have pushed and ordered stays until their next try.
    """
    for key in keys:
        tables.states[key] = None
        tables.most_tries[key] = tables.tries.get(key, 0) + facts.shapes[key[0]].retries
    tables.run_state = DagRunState.RUNNING


def fails(facts: Facts, tables: Tables, key: Key) -> bool:
    """Whether the open try of an instance fails.

    It does where a task mapped by itself is mapped over less by now: its argument cannot be found.
    """
    if facts.is_mapped_itself(key[0]):
        length = Lengths(facts, tables, tables.states).of_task(key[0])
        if length is not None and key[1] >= length:
            return True
    behaviour = facts.shapes[key[0]].behaviour_of(key[1])
    return behaviour in ("fail", "fail for good") or (behaviour == "flaky" and tables.tries[key] < 2)


def meet(tables: Tables, key: Key, fate: Fate) -> None:
    """Let an instance with an open try meet another fate than the first of its fates."""
    state, is_open = fate
    tables.states[key] = state
    (tables.open_tries.add if is_open else tables.open_tries.discard)(key)


def _forget_xcoms(facts: Facts, tables: Tables, key: Key) -> None:
    """A try begins without XComs; but the length of a plain task's list is no XCom, and stays."""
    tables.orders.pop(key, None)
    if facts.is_mapped_itself(key[0]):
        tables.outputs.pop(key, None)


def _fail(facts: Facts, tables: Tables, key: Key) -> dict[Key, tuple[Fate, ...]]:
    shape = facts.shapes[key[0]]
    most = tables.most_tries.get(key, shape.retries)
    if tables.tries[key] <= most and shape.behaviour_of(key[1]) != "fail for good":
        tables.states[key] = TaskInstanceState.UP_FOR_RETRY
        return {}
    tables.states[key] = FAILED
    return _stop_others(facts, tables, key) if facts.fail_stop else {}


def _stop_others(facts: Facts, tables: Tables, key: Key) -> dict[Key, tuple[Fate, ...]]:
    """A task of a DAG with ``fail_stop`` failed for good: all but its own task and teardowns stop."""
    fates = {}
    for other, state in tables.states.items():
        is_spared = other[0] == key[0] or facts.shapes[other[0]].role == "teardown"
        if is_spared or state in (SUCCESS, FAILED):
            continue
        tables.states[other] = SKIPPED
        if other in tables.open_tries:
            fates[other] = IF_STOPPED
            meet(tables, other, IF_STOPPED[0])
    return fates


def _order(facts: Facts, tables: Tables, key: Key) -> dict[Key, tuple[Fate, ...]]:
    ordered = facts.ordered_to_skip(*key)
    if ordered:
        tables.orders[key] = ordered
    meant = _meant(facts, tables, key, ordered)
    tables.states.update(dict.fromkeys(meant, SKIPPED))
    return {other: IF_SKIPPED for other in meant if other in tables.open_tries}


def _meant(facts: Facts, tables: Tables, key: Key, ordered: frozenset[str]) -> list[Key]:
    """The instances whose state an order sets at once; a pass finds what else it says.

    A branch means its own map index, a short circuit all, if it is not mapped itself.
    """
    name, map_index = key
    is_branch = "branch" in facts.shapes[name].behaviours
    if not is_branch and map_index >= 0:
        return []
    return [
        other for other in tables.states if other[0] in ordered and (not is_branch or other[1] == map_index)
    ]
