"""The keys of a run's items, and the names under which tries hold slots and leases."""

from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.graph.join import END_OF_RUN, Join


def task_key(task_id: str, map_index: int = NOT_MAPPED) -> str:
    """Range key of a task instance. ``#`` cannot be part of Airflow's task ids."""
    return f"{task_id}#{map_index}"


def parse_task_key(key: str) -> tuple[str, int]:
    """Task id and map index of an item.

    Buckets and the end of the run have keys of the same shape (``join#-1#bucket-00001``, ``#-1``).
    """
    task_id, map_index = key.split("#")[:2]
    return task_id, int(map_index)


def instance_name(task_id: str, map_index: int = NOT_MAPPED) -> str:
    """The name of a task instance for people: ``load``, or ``load[2]`` of a mapped task."""
    return task_id if map_index == NOT_MAPPED else f"{task_id}[{map_index}]"


def bucket_key(join: Join, bucket: int) -> str:
    """Range key of one bucket of a join with many upstreams."""
    return f"{join_key(join)}#bucket-{bucket:05d}"


def try_key(task_id: str, map_index: int, try_number: int) -> str:
    """Range key of a finished try."""
    return f"{task_key(task_id, map_index)}#try-{try_number:05d}"


def join_key(join: Join) -> str:
    """Range key of the item on which a join's notes are left.

    A task instance, the end of the run, or where the instances of a mapped task meet.
    """
    key = task_key(join.task_id, join.map_index)
    if not join.collects:
        return key
    return f"{key}#ends" if join.ancestor is None else f"{key}#ends-{join.depth}-{join.ancestor:05d}"


END_OF_RUN_KEY = task_key(END_OF_RUN)


def holder_name(run_uid: str, key: str, try_number: int, reschedules: int = 0) -> str:
    """The name under which a try holds slots: another one each time that it takes them."""
    taken = f".{reschedules}" if reschedules else ""
    return f"{run_uid}/{key}/{try_number}{taken}"


def parse_holder_name(holder: str) -> tuple[str, str]:
    """Run uid and key of a holder."""
    run_uid, key, _ = holder.split("/")
    return run_uid, key


def run_of_holder(holder: str) -> str:
    """Run uid of a holder."""
    return parse_holder_name(holder)[0]


def deferred_token(window: int) -> str:
    """The lease of a deferred task between two windows: the message of the next one takes it over."""
    return f"deferred-{window}"


def asleep_token(pokes: int) -> str:
    """The lease of a sensor between two pokes, which no worker runs: the message of a poke takes it over."""
    return f"asleep-{pokes}"
