"""Notes: what ended tasks leave on the items of others, by name and number."""

from collections.abc import Mapping
from types import MappingProxyType

from chalicelib.domain.states import FINAL_STATES
from chalicelib.domain.tasks.voiding import VOID, standing

SKIP_ORDER = "skip_order"
"""Note of a task that orders this one to be skipped."""


HEARD = "heard"
"""Note of a task further up that has ended and might have ordered a skip."""


AWAITED = "awaited"
"""Note of the next run, whose instance of a task waits for this one (``depends_on_past``)."""


CROWDING = "crowding"
"""Note of a task of the same run that waits until fewer are at work (``engine.tasks.altered_runs``)."""


SETUP_SUCCESS, SETUP_SKIPPED, SETUP_FAILED = "setup_success", "setup_skipped", "setup_failed"
"""Notes of setups: at a teardown how the direct ones ended, elsewhere that a needed one did not succeed."""


COMPLETE = "complete"
"""Note of a bucket all of whose upstreams have arrived."""


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
)
"""Every note there is, in a fixed order."""


def arrived_numbers(notes: Notes) -> frozenset[int]:
    """The numbers of the tasks that have ended, and were not cleared since."""
    notes = standing(notes)
    return frozenset().union(*(notes.get(name, frozenset()) for name in (*FINAL_STATES, HEARD)))


def merged(notes: Notes, added: Mapping[str, int]) -> Notes:
    """The notes with one number added to each named one."""
    return {
        name: frozenset(notes.get(name, ())) | ({added[name]} if name in added else set())
        for name in {*notes, *added}
    }
