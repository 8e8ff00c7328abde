"""The end of a try, and what it orders to be skipped."""

from chalicelib.domain.states import TaskInstanceState
from tests.scripted.airflow_model.facts import Facts
from tests.scripted.airflow_model.tables import READY, Key, Tables, is_finished

SUCCESS, FAILED, SKIPPED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED


def end_try(facts: Facts, tables: Tables, key: Key, *, fails_in_any_case: bool = False) -> list[Key]:
    """End the open try of an instance as its script says, and carry out what it orders.

    An order overwrites whatever state it finds. Where a try is open in spite of that, its own success or
    skip wins; its failure does if it was ``AirflowFailException`` or no exception of Airflow's
    (``fails_in_any_case``). Returned are the instances with an open try that got an order.
    """
    name, map_index = key
    behaviour = facts.shapes[name].behaviour_of(map_index)
    tables.open_tries.remove(key)
    tables.outputs.pop(key, None)
    tables.orders.pop(key, None)
    if behaviour == "skip":
        tables.states[key] = SKIPPED
        return []
    if fails(facts, tables, key):
        if not is_finished(tables.states[key]) or fails_in_any_case or behaviour == "fail for good":
            tables.states[key] = _after_failure(facts, tables, key)
        return []
    tables.states[key] = SUCCESS
    if behaviour != "nothing":
        tables.outputs[key] = facts.shapes[name].returns
    return _order(facts, tables, key)


def fails(facts: Facts, tables: Tables, key: Key) -> bool:
    """Whether the open try of an instance fails."""
    behaviour = facts.shapes[key[0]].behaviour_of(key[1])
    return behaviour in ("fail", "fail for good") or (behaviour == "flaky" and tables.tries[key] < 2)


def _after_failure(facts: Facts, tables: Tables, key: Key) -> TaskInstanceState:
    shape = facts.shapes[key[0]]
    may_retry = tables.tries[key] <= shape.retries and shape.behaviour_of(key[1]) != "fail for good"
    return TaskInstanceState.UP_FOR_RETRY if may_retry else FAILED


def _order(facts: Facts, tables: Tables, key: Key) -> list[Key]:
    ordered = facts.ordered_to_skip(*key)
    if ordered:
        tables.orders[key] = ordered
    meant = _meant(facts, tables, key, ordered)
    tables.states.update(dict.fromkeys(meant, SKIPPED))
    return sorted(tables.open_tries.intersection(meant))


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


def take_back(tables: Tables, key: Key) -> None:
    """An order that came too early to be seen: the open try goes on as if there had been none."""
    tables.states[key] = READY


def give_up(tables: Tables, key: Key) -> None:
    """An order that found a try that had not begun, or that Airflow then ends by force."""
    tables.open_tries.remove(key)
