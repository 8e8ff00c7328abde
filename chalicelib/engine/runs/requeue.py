"""``requeue``: a run put back to ``queued``, to go on from there later."""

from chalicelib.domain.plans.repairs import SWEEP_INTERVAL
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine


def requeue(engine: Engine, run: DagRun, *, note: bool) -> bool:
    """Put a run back to ``queued``; False if it is not as it was read any more.

    It gets a new fence, and another name for its place: what gives back the place that it had, late or
    twice, leaves the next one alone. ``note``: the DAG keeps it among its altered runs. 1 request, and 1
    for the note.
    """
    if note:
        engine.store.dags.note_altered(run.ref, run.clear_number + 1)
    now = engine.now()
    change = DagRunChange(
        state=DagRunState.QUEUED,
        queued_at=now,
        start_date=None,
        end_date=None,
        reason=None,
        clear_number=run.clear_number + 1,
        fence=new_fence(engine),
        updated_at=now,
    )
    return engine.store.dag_runs.requeue(run, change, now + SWEEP_INTERVAL)


def new_fence(engine: Engine) -> int:
    """A fence that no handler has read before."""
    return engine.entropy.getrandbits(53) | 1
