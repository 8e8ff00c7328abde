"""One pass of the scheduler over a run: what becomes ready, what ends without a try, what expands."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chalicelib.domain.states import FAILURE_STATES, DagRunState, TaskInstanceState
from tests.scripted.airflow_model.dependencies import DEPENDENCIES, Dependency, View
from tests.scripted.airflow_model.facts import Facts
from tests.scripted.airflow_model.tables import DECIDABLE, READY, Key, Rows, Tables, is_finished

REMOVED, SKIPPED = TaskInstanceState.REMOVED, TaskInstanceState.SKIPPED


def started(facts: Facts) -> Tables:
    """The rows of a run that has just started: what is mapped over literals alone is expanded already."""
    tables = Tables()
    for name in facts.present:
        length = facts.expansion(name).literal if facts.is_mapped(name) else None
        tables.states.update({(name, index): None for index in (range(length) if length else [-1])})
    return tables


def resumed(facts: Facts, rows: Rows) -> Tables:
    """The rows of a run of which some tasks have ended before: each success has left what it leaves."""
    tables = Tables(states={(name, index): state for name, index, state in rows})
    for name, index, state in rows:
        if state is None:
            continue
        tables.tries[name, index] = 1
        if state is TaskInstanceState.SUCCESS and facts.pushes(name, index):
            tables.outputs[name, index] = facts.returned(name, 1)
            tables.orders[name, index] = facts.ordered_to_skip(name, index)
    return tables


def take_pass(facts: Facts, tables: Tables, dependencies: Sequence[Dependency] = DEPENDENCIES) -> None:
    """Change the rows of a running run as one pass of the scheduler does."""
    _Pass(facts, tables, dependencies).run()


@dataclass
class _Pass:
    facts: Facts
    tables: Tables
    dependencies: Sequence[Dependency]
    view: View = field(init=False)
    rows: list[Key] = field(init=False)
    """The rows that the pass began with; one that is expanded becomes index 0."""
    ready: list[Key] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.view = View(self.facts, self.tables)
        self.rows = self._in_order(self.tables.states)

    def run(self) -> None:
        unfinished = [key for key in self.rows if not is_finished(self.tables.states[key])]
        changed, expanded = self._decide([key for key in unfinished if self._is_decidable(key)])
        if expanded:
            unfinished = self._unfinished()
        may_be_stuck = bool(unfinished) and not any(self._may_hold_back(name) for name, _ in unfinished)
        goes_on = bool(self.ready or changed or expanded) or self._has_open_tries()
        if may_be_stuck and not goes_on:
            before = dict(self.tables.states)
            goes_on = any(self._is_met(key, expandable=False) for key in unfinished)
            if before != self.tables.states:
                unfinished = self._unfinished()
        self._judge_run(bool(unfinished), is_stuck=may_be_stuck and not goes_on)
        self._schedule()

    def _decide(self, keys: list[Key]) -> tuple[bool, bool]:
        """Whether a row changed that was not met, and whether an expansion was tried."""
        unmet = {}
        revised: set[str] = set()
        has_expanded = False
        pending = list(keys)
        for key in pending:
            before = self.tables.states[key]
            if not self._is_met(key, expandable=True):
                unmet[key] = before
            elif key[1] < 0 and self.facts.is_mapped(key[0]):
                pending += self._expand(key)
                has_expanded = True
            elif self._is_decidable(key):
                if key[0] not in revised and self.facts.is_mapped(key[0]):
                    self._revise(key[0])
                revised.add(key[0])
                self.ready.append(key)
        return any(self.tables.states[key] != before for key, before in unmet.items()), has_expanded

    def _is_decidable(self, key: Key) -> bool:
        return self.tables.states[key] in DECIDABLE

    def _is_met(self, key: Key, *, expandable: bool) -> bool:
        """Whether all dependencies are met; each is asked, for each may set the state."""
        is_expanded = key[1] >= 0 or not self.facts.is_mapped_itself(key[0])
        return all([*(ask(self.view, key) for ask in self.dependencies), expandable or is_expanded])

    def _expand(self, key: Key) -> list[Key]:
        """Expand the row of a mapped task; the new rows.

        They take over the state that the dependencies may just have set.
        """
        name, _ = key
        length = self.view.lengths.of_task(name)
        made: list[Key] = []
        if length is None:
            self.tables.states[key] = TaskInstanceState.UPSTREAM_FAILED
        elif length < 1:
            self.tables.states[key] = SKIPPED
        else:
            state = self.tables.states.pop(key)
            there = self.tables.indexes(name)
            if 0 not in there:
                self.rows[self.rows.index(key)] = (name, 0)
            first_new = max(there, default=0) + 1
            made = [(name, index) for index in (0, *range(first_new, length)) if index not in there]
            self.tables.states.update(dict.fromkeys(made, state))
        self._remove(name, {index for index in self.tables.indexes(name) if index >= (length or 0)})
        self.view.flush()
        return made

    def _revise(self, name: str) -> None:
        """Fit the rows of an expanded task to its length; rows that are new run without being asked."""
        length = self.view.lengths.of_task(name)
        if length is None:
            return
        there = self.tables.indexes(name)
        self._remove(name, there - {*range(length)})
        for index in range(length):
            if index not in there:
                self.tables.states[name, index] = None
                self.ready.append((name, index))
        self.view.flush()

    def _remove(self, name: str, indexes: set[int]) -> None:
        self.tables.states.update({(name, index): REMOVED for index in indexes})

    def _unfinished(self) -> list[Key]:
        return [
            key for key in self.rows if key in self.tables.states and not is_finished(self.tables.states[key])
        ]

    def _has_open_tries(self) -> bool:
        """Whether a try was asked for and has not ended.

        (Airflow asks the dependencies of what runs once more, and may end it or the run by that.)
        """
        return READY in self.tables.states.values()

    def _may_hold_back(self, name: str) -> bool:
        """Whether a task may wait for something else than its dependencies."""
        shape = self.facts.shapes[name]
        return shape.depends_on_past or shape.max_active_tis_per_dag is not None

    def _judge_run(self, goes_on: bool, *, is_stuck: bool) -> None:
        leaves = (key for key in self.rows if key[0] in self.facts.leaves)
        states = [self.tables.states[key] for key in leaves if key in self.tables.states]
        counting = [state for state in states if state is not REMOVED]
        if not goes_on and any(state in FAILURE_STATES for state in counting):
            self.tables.run_state = DagRunState.FAILED
        elif not goes_on and all(state in (TaskInstanceState.SUCCESS, SKIPPED) for state in counting):
            self.tables.run_state = DagRunState.SUCCESS
        elif is_stuck:
            self.tables.run_state = DagRunState.FAILED

    def _schedule(self) -> None:
        """Ask for a try of what is ready; what needs no worker has succeeded at once."""
        for key in self.ready:
            if self.facts.shapes[key[0]].is_empty:
                self.tables.states[key] = TaskInstanceState.SUCCESS
            else:
                self.tables.states[key] = READY
                self.tables.tries[key] = self.tables.tries.get(key, 0) + 1
                self.tables.open_tries.add(key)

    def _in_order(self, keys: "dict[Key, TaskInstanceState | None]") -> list[Key]:
        return sorted(keys, key=lambda key: (self.facts.number[key[0]], key[1]))
