"""The rows that Airflow's database holds of one run."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from chalicelib.domain.states import FINAL_STATES, DagRunState, TaskInstanceState

Key = tuple[str, int]
"""Task id and map index; -1 of a plain task, and of a mapped one that is not expanded."""

State = TaskInstanceState | None

Rows = tuple[tuple[str, int, State], ...]
"""Task id, map index and state of each task instance."""

Outcome = tuple[DagRunState, Rows]
"""State of the run, and task id, map index and state of each task instance, in order."""

READY = TaskInstanceState.SCHEDULED
"""The one state of the model between the pass that asks for a try and the end of the try."""

DECIDABLE: frozenset[State] = frozenset(
    {None, TaskInstanceState.UP_FOR_RETRY, TaskInstanceState.UP_FOR_RESCHEDULE}
)
"""States out of which a pass may schedule a task instance."""


def is_finished(state: State) -> bool:
    """Whether a task instance in that state counts as ended."""
    return state in FINAL_STATES


@dataclass
class Tables:
    """The tables at one moment."""

    states: dict[Key, State] = field(default_factory=dict)
    tries: dict[Key, int] = field(default_factory=dict)
    """How many tries were asked for."""
    most_tries: dict[Key, int] = field(default_factory=dict)
    """Of what was cleared: the number of the last try after which another one may be asked for."""
    open_tries: set[Key] = field(default_factory=set)
    """Whose try was asked for and has not ended; its state is ``READY``, unless that was overwritten."""
    outputs: dict[Key, int | None] = field(default_factory=dict)
    """Who has pushed a return value; how many items a plain task's has (None: it is no list)."""
    orders: dict[Key, frozenset[str]] = field(default_factory=dict)
    """What a branch or a short circuit has left in its XCom: the tasks to be skipped."""
    run_state: DagRunState = DagRunState.RUNNING

    def copy(self) -> "Tables":
        """The same rows, to be changed on their own."""
        return Tables(
            states=dict(self.states),
            tries=dict(self.tries),
            most_tries=dict(self.most_tries),
            open_tries=set(self.open_tries),
            outputs=dict(self.outputs),
            orders=dict(self.orders),
            run_state=self.run_state,
        )

    def frozen(self) -> Hashable:
        """All of it as a value, to recognise a moment that was there before."""
        return (
            frozenset(self.states.items()),
            frozenset(self.tries.items()),
            frozenset(self.most_tries.items()),
            frozenset(self.open_tries),
            frozenset(self.outputs.items()),
            frozenset(self.orders.items()),
            self.run_state,
        )

    def indexes(self, task_id: str) -> set[int]:
        """The map indexes of the rows of a task."""
        return {index for name, index in self.states if name == task_id}

    def outcome(self) -> Outcome:
        """What a test compares."""
        return self.run_state, tuple(sorted((*key, state) for key, state in self.states.items()))
