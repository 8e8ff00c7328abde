"""Notes: what ended tasks leave on the items of others, by name and number."""

from collections.abc import Mapping
from types import MappingProxyType

from chalicelib.domain.states import FINAL_STATES
from chalicelib.domain.tasks.voiding import VOID, standing

SKIP_ORDER = "skip_order"
"""Note of a task that orders this one to be skipped."""


SKIP_UNDECIDED = "skip_undecided"
"""Note of an instance of a mapped short circuit: it orders this one to be skipped if it is not decided yet.

Airflow sets no state by such an order; its scheduler finds it when it decides.
"""


SKIP_ALL = "skip_all"
"""Note beside ``SKIP_ORDER``: everything after this one is ordered to be skipped, too."""


HEARD = "heard"
"""Note of a task further up that this one needs, and that has ended."""


EXPANDED = "expanded"
"""Note of a mapped task of the same group that was expanded: each of its instances tells its own follower."""


VALUED = "valued"
"""Note of an instance of a mapped task that left a value; from a bucket, of how many did (``valued_in``)."""


EARLY = "early"
"""Note on a task instance itself: it ended before all of its upstreams had."""


AWAITED = "awaited"
"""Note of the next run, whose instance of a task waits for this one (``depends_on_past``)."""


CROWDING = "crowding"
"""Note of a task of the same run that waits until fewer are at work (``engine.tasks.altered_runs``)."""


SETUP_SUCCESS, SETUP_SKIPPED, SETUP_FAILED = "setup_success", "setup_skipped", "setup_failed"
"""Notes of setups: at a teardown how the direct ones ended, elsewhere that a needed one did not succeed.

(What a task is mapped over is needed in the same way.)"""


COMPLETE = "complete"
"""Note of a bucket, or of a mapped task, all of which has arrived."""


REPORTS = "reports"
"""Note on a task instance itself: it tells the end of the run of its own end, whatever its place."""


OWED = "owed"
"""Note at the end of the run: a task that the graph alone does not make it wait for."""


Notes = Mapping[str, frozenset[int]]
"""Numbers of upstreams (or buckets) by what they left: a final state or one of the above.

Numbers are coded with how often the task has been cleared (``voiding``).
"""


NO_NOTES: Notes = MappingProxyType({})


NOTE_NAMES: tuple[str, ...] = (
    *sorted(FINAL_STATES),
    SKIP_ORDER,
    HEARD,
    SETUP_SUCCESS,
    SETUP_SKIPPED,
    SETUP_FAILED,
    AWAITED,
    CROWDING,
    COMPLETE,
    VOID,
    REPORTS,
    OWED,
    EXPANDED,
    VALUED,
    EARLY,
    SKIP_ALL,
    SKIP_UNDECIDED,
)
"""Every note there is, in a fixed order."""


def arrived_numbers(notes: Notes) -> frozenset[int]:
    """The numbers of the tasks that have ended, and were not cleared since."""
    return _arrived(standing(notes))


def _arrived(counted: Notes) -> frozenset[int]:
    return frozenset().union(*(counted.get(name, frozenset()) for name in ARRIVALS))


ARRIVALS: tuple[str, ...] = (*sorted(FINAL_STATES), HEARD, EXPANDED)
"""The notes that say of a sender that there is nothing more to wait for."""


def ended_numbers(notes: Notes, wholes: frozenset[int]) -> frozenset[int]:
    """The numbers of the senders that have ended; of ``wholes`` those that are complete."""
    counted = standing(notes)
    complete = counted.get(COMPLETE, frozenset())
    expanded = counted.get(EXPANDED, frozenset())
    return (_arrived(counted) - wholes) | complete | expanded


def merged(notes: Notes, added: Mapping[str, int]) -> Notes:
    """The notes with one number added to each named one."""
    return {
        name: frozenset(notes.get(name, ())) | ({added[name]} if name in added else set())
        for name in {*notes, *added}
    }
