"""Notes: what ended tasks leave on the items of others, by name and number."""

from collections.abc import Mapping
from types import MappingProxyType

from chalicelib.domain.states import FINAL_STATES
from chalicelib.domain.tasks.voiding import VOID, standing

SKIP_ORDER = "skip_order"
"""Mark of a task that orders this one to be skipped."""


HEARD = "heard"
"""Mark of a task further up that has ended and might have ordered a skip."""


AWAITED = "awaited"
"""Mark of the next run, whose instance of a task waits for this one (``depends_on_past``)."""


CROWDING = "crowding"
"""Mark of a task of the same run that waits until fewer are at work (``engine.tasks.altered_runs``)."""


SETUP_SUCCESS, SETUP_SKIPPED, SETUP_FAILED = "setup_success", "setup_skipped", "setup_failed"
"""Marks of setups: at a teardown how the direct ones ended, elsewhere that a needed one did not succeed."""


COMPLETE = "complete"
"""Mark of a bucket all of whose upstreams have arrived."""


REPORTS = "reports"
"""Mark on a task instance itself: it tells the end of the run of its own end, whatever its place."""


OWED = "owed"
"""Mark at the end of the run: a task that the graph alone does not make it wait for."""


Marks = Mapping[str, frozenset[int]]
"""Numbers of upstreams (or buckets) by what they left: a final state or one of the above.

Numbers are coded with how often the task has been cleared (``generations``).
"""


NO_MARKS: Marks = MappingProxyType({})


MARK_NAMES: tuple[str, ...] = (
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
"""Every mark there is, in a fixed order."""


def arrived_numbers(marks: Marks) -> frozenset[int]:
    """The numbers of those that have ended, and were not cleared since."""
    marks = standing(marks)
    return frozenset().union(*(marks.get(name, frozenset()) for name in (*FINAL_STATES, HEARD)))


def merged(marks: Marks, added: Mapping[str, int]) -> Marks:
    """The marks with one number added to each named one."""
    return {
        name: frozenset(marks.get(name, ())) | ({added[name]} if name in added else set())
        for name in {*marks, *added}
    }
