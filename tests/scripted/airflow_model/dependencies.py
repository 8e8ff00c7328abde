"""What has to be met before a task instance may run, as a pass asks it; asking may end the instance.

Each dependency is a function of the pass and the key of a task instance. It says whether it is met, and may
set the instance's state on the way (Airflow's ``flag_upstream_failed``).
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chalicelib.domain.states import FAILURE_STATES, TaskInstanceState
from tests.scripted.airflow_model.facts import Facts
from tests.scripted.airflow_model.lengths import Lengths
from tests.scripted.airflow_model.tables import Key, State, Tables, is_finished

SUCCESS, FAILED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED
SKIPPED, UPSTREAM_FAILED = TaskInstanceState.SKIPPED, TaskInstanceState.UPSTREAM_FAILED
REMOVED = TaskInstanceState.REMOVED

EAGER = frozenset({"one_success", "one_failed", "one_done"})


@dataclass
class View:
    """What one pass sees: the rows that had ended when it began, and those that it changes itself."""

    facts: Facts
    tables: Tables
    ended: list[Key] = field(init=False)
    """The task instances that had ended when the pass began."""
    flushed: dict[Key, State] = field(init=False)
    """The states that queries see; the others are in the pass's memory."""

    def __post_init__(self) -> None:
        self.ended = [key for key, state in self.tables.states.items() if is_finished(state)]
        self.flush()

    def flush(self) -> None:
        """Write what the pass has changed."""
        self.flushed = dict(self.tables.states)

    @property
    def lengths(self) -> Lengths:
        """Lengths as the pass sees them."""
        return Lengths(self.facts, self.tables, self.flushed)

    def set_state(self, key: Key, state: TaskInstanceState | None) -> bool:
        """Set it, unless there is nothing to set; whether that changed anything."""
        if state is None or self.tables.states[key] == state:
            return False
        self.tables.states[key] = state
        return True


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many upstream instances that concern an instance there are, and how they ended."""

    all: int
    success: int
    failed: int
    upstream_failed: int
    skipped: int
    removed: int
    done: int

    @property
    def failures(self) -> int:
        """Those that failed or could not run."""
        return self.failed + self.upstream_failed


def count(view: View, key: Key, upstreams: Iterable[str]) -> Counts:
    """Count the upstream instances that concern an instance.

    Which there are is asked of the rows as they are now, which have ended of the pass's beginning.
    """
    names = set(upstreams)
    concern = {name: concerning(view, key, name) for name in names}
    if any(map(view.facts.is_mapped, names)):
        there = sum(name in names and concern[name](index) for name, index in view.tables.states)
    else:
        there = len(names)
    ended = Counter(
        view.tables.states[name, index]
        for name, index in view.ended
        if name in names and (index < 0 or concern[name](index))
    )
    return Counts(
        all=there,
        success=ended[SUCCESS],
        failed=ended[FAILED],
        upstream_failed=ended[UPSTREAM_FAILED],
        skipped=ended[SKIPPED],
        removed=ended[REMOVED],
        done=ended.total(),
    )


def concerning(view: View, key: Key, upstream: str) -> Callable[[int], bool]:
    """Which map indexes of an upstream concern an instance; an unexpanded one always does."""
    found = relevant_indexes(view, key, upstream)
    if found is None:
        return lambda _: True
    return lambda index: index < 0 or index in found


def relevant_indexes(view: View, key: Key, upstream: str) -> range | None:
    """The map indexes of an upstream in the same mapped group that belong to an instance; None: all."""
    task_id, map_index = key
    facts = view.facts
    expansion = facts.expansion(task_id)
    if not expansion.groups:
        return None
    is_eager = facts.shapes[task_id].rule in EAGER
    if is_eager and expansion.is_direct and upstream not in facts.all_sources(task_id):
        return None
    own_count = view.lengths.of_task(task_id)
    shared = [group for group in facts.groups(upstream) if group in facts.groups(task_id)]
    if not own_count or not shared:
        return None
    group_count = view.lengths.of_groups(upstream, shared[-1])
    assert group_count, "the groups around both were counted in own_count"
    place = map_index * group_count // own_count
    if facts.groups(upstream)[-1] == shared[-1]:
        return range(place, place + 1)
    further = own_count // group_count  # of the instance that asks, not of the upstream
    return range(place * further, (place + 1) * further)


def trigger_rule_is_met(view: View, key: Key) -> bool:
    """The setups that a task needs, then its trigger rule."""
    shape = view.facts.shapes[key[0]]
    if not shape.upstream or shape.rule == "always":
        return True
    setups_are_done = True
    if shape.role != "teardown":
        setups = count(view, key, view.facts.indirect_setups[key[0]])
        changed = view.set_state(key, _without_setups(setups, key[1]))
        missing = setups.all - setups.success - (setups.removed if key[1] > -1 else 0)
        setups_are_done = missing <= 0
        if changed and not setups_are_done:
            return False
    known = count(view, key, shape.upstream)
    own_setups = [name for name in shape.upstream if view.facts.shapes[name].role == "setup"]
    of_setups = count(view, key, own_setups)
    view.set_state(key, _ended_by_rule(shape.rule, known, of_setups, key[1]))
    return setups_are_done and _is_met(shape.rule, known, of_setups, key[1])


def _without_setups(setups: Counts, map_index: int) -> TaskInstanceState | None:
    if setups.failures:
        return UPSTREAM_FAILED
    if setups.skipped:
        return SKIPPED
    return _removed(setups, map_index)


def _removed(known: Counts, map_index: int) -> TaskInstanceState | None:
    is_beyond = known.removed and known.success and map_index > -1 and map_index >= known.success
    return REMOVED if is_beyond else None


def _ended_by_rule(rule: str, known: Counts, setups: Counts, map_index: int) -> TaskInstanceState | None:
    """The state in which a trigger rule ends an instance without a try."""
    if rule in _ENDS_EARLY:
        return _ENDS_EARLY[rule](known) or (_removed(known, map_index) if rule == "all_success" else None)
    is_done = known.done >= known.all
    if not is_done:
        return None
    if rule == "all_done_setup_success":
        return _ended_by_setups(setups)
    return _ENDS_LATE[rule](known) if rule in _ENDS_LATE else None


def _ended_by_setups(setups: Counts) -> TaskInstanceState | None:
    if not setups.all:
        return None
    if setups.skipped >= setups.all:
        return SKIPPED
    return None if setups.success else UPSTREAM_FAILED


def _if(condition: object, state: TaskInstanceState) -> TaskInstanceState | None:
    return state if condition else None


_ENDS_EARLY: dict[str, Callable[[Counts], TaskInstanceState | None]] = {
    "all_success": lambda known: _if(known.failures, UPSTREAM_FAILED) or _if(known.skipped, SKIPPED),
    "all_failed": lambda known: _if(known.success or known.skipped, SKIPPED),
    "none_failed": lambda known: _if(known.failures, UPSTREAM_FAILED),
    "none_failed_min_one_success": lambda known: (
        _if(known.failures, UPSTREAM_FAILED) or _if(known.skipped == known.all, SKIPPED)
    ),
    "none_skipped": lambda known: _if(known.skipped, SKIPPED),
    "all_skipped": lambda known: _if(known.success or known.failures, SKIPPED),
}
"""Rules that end an instance without waiting for the other upstreams."""

_ENDS_LATE: dict[str, Callable[[Counts], TaskInstanceState | None]] = {
    "one_success": lambda known: (
        _if(known.done == known.skipped, SKIPPED) or _if(not known.success, UPSTREAM_FAILED)
    ),
    "one_failed": lambda known: _if(not known.failures, SKIPPED),
    "one_done": lambda known: _if(not known.failed and not known.success, SKIPPED),
}
"""Rules that end an instance once all upstreams have ended."""


def _is_met(rule: str, known: Counts, setups: Counts, map_index: int) -> bool:
    """Whether a trigger rule lets an instance run."""
    there = known.all - (known.removed if map_index > -1 else 0)
    is_done = known.done >= known.all
    match rule:
        case "one_success":
            return known.success > 0
        case "one_failed":
            return known.failures > 0
        case "one_done":
            return known.success + known.failed > 0
        case "all_success":
            return there <= known.success
        case "all_failed":
            return there <= known.failures
        case "none_failed" | "none_failed_min_one_success":
            return there <= known.success + known.skipped
        case "all_skipped":
            return known.all <= known.skipped
        case "none_skipped":
            return is_done and not known.skipped
        case "all_done_setup_success":
            return is_done and (not setups.all or setups.success > 0)
    assert rule == "all_done", rule
    return is_done


def was_not_skipped_before(view: View, key: Key) -> bool:
    """What branches and short circuits directly before a task have ordered, for the same map index."""
    task_id, map_index = key
    ended = {name for name, _ in view.ended}
    for name in view.facts.shapes[task_id].upstream:
        if name in ended and task_id in view.tables.orders.get((name, map_index), ()):
            view.set_state(key, SKIPPED)
            return False
    return True


def sources_have_succeeded(view: View, key: Key) -> bool:
    """The tasks that a task or its innermost mapped group is mapped over, as far as they have one row."""
    states = {view.tables.states.get((name, -1)) for name in view.facts.nearest_sources(key[0])}
    ended = {state for state in states if is_finished(state)}
    if ended <= {SUCCESS}:
        return True
    if view.tables.states[key] not in FAILURE_STATES:
        has_failed = ended & FAILURE_STATES
        view.set_state(key, UPSTREAM_FAILED if has_failed else _if(SKIPPED in ended, SKIPPED))
    return False


Dependency = Callable[[View, Key], bool]

DEPENDENCIES: tuple[Dependency, ...] = (trigger_rule_is_met, was_not_skipped_before, sources_have_succeeded)
"""In an order of choice: Airflow keeps them in a set, whose order changes from process to process."""
