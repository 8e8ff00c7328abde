"""Reading the keys that the domain writes."""

from chalicelib.domain.tasks.task_instances import TaskInstance


def untouched(run_uid: str, key: str) -> TaskInstance:
    """The task instance of a key before anything touched it.

    Buckets and the sink are items of the same shape, so their keys (``join#-1#bucket-00001``,
    ``#-1``) can be read too.
    """
    task_id, map_index = key.split("#")[:2]
    return TaskInstance(run_uid=run_uid, task_id=task_id, map_index=int(map_index))
