"""``RunItems``: all items of one run, as they were read at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.graph.join import END_OF_RUN
from chalicelib.domain.tasks.keys import END_OF_RUN_KEY, task_key
from chalicelib.domain.tasks.notes import NO_NOTES, Notes
from chalicelib.domain.tasks.task_instances import TaskInstance, untouched


@dataclass(frozen=True, slots=True)
class RunItems:
    """The items of a run by their keys; what nothing has touched is not among them, and reads as such."""

    run_uid: str
    by_key: Mapping[str, TaskInstance]
    """Task instances, buckets of joins, and the end of the run."""

    @classmethod
    def of(cls, run_uid: str, found: Iterable[tuple[str, TaskInstance]]) -> "RunItems":
        """The items of a run, as the store lists them: pairs of key and item."""
        return cls(run_uid, dict(found))

    @property
    def is_empty(self) -> bool:
        """Whether nothing has touched the run yet."""
        return not self.by_key

    @property
    def end_of_run(self) -> TaskInstance:
        """The item where the ends of the run's tasks meet."""
        return self.at(END_OF_RUN_KEY)

    def instance(self, task_id: str, map_index: int = NOT_MAPPED) -> TaskInstance:
        """A task instance of the run."""
        return self.at(task_key(task_id, map_index))

    def instances_of(self, task: Task) -> Iterator[TaskInstance]:
        """The task instances that exist of a task, by map index.

        A task that is not mapped has one, and so has a mapped one that is not expanded.
        """
        return (self.instance_of(task, index) for index in map_indexes(task, self.instance(task.task_id)))

    def instance_of(self, task: Task, map_index: int) -> TaskInstance:
        """An instance of a task; also one of a mapped task that nothing has touched knows their number."""
        instance = self.instance(task.task_id, map_index)
        if map_index == NOT_MAPPED or task.expansion is None or instance.map_length is not None:
            return instance
        levels = self.instance(task.task_id).levels or task.expansion.literal_lengths or ()
        return sized(instance, levels) if levels else instance

    def all_instances(self, tasks: Iterable[Task]) -> Iterator[TaskInstance]:
        """The task instances that exist of tasks, in the order of the tasks, then by map index."""
        return (item for task in tasks for item in self.instances_of(task))

    def instances(self, task_ids: Iterable[str]) -> Iterator[TaskInstance]:
        """The task instances of tasks that are not mapped, in the order of the tasks."""
        return (self.instance(task_id) for task_id in task_ids)

    def at(self, key: str) -> TaskInstance:
        """The item of a key: a task instance, a bucket, or the end of the run."""
        return self.by_key.get(key) or untouched(self.run_uid, key)

    def notes(self, key: str) -> Notes:
        """The notes that were left on the item of a key."""
        item = self.by_key.get(key)
        return item.notes if item else NO_NOTES

    def begun(self) -> Iterator[TaskInstance]:
        """The task instances that have a state."""
        for key, item in self.by_key.items():
            if key == item.key and item.task_id != END_OF_RUN and item.state is not None:
                yield item


def sized(instance: TaskInstance, levels: tuple[int, ...]) -> TaskInstance:
    """An instance of a mapped task that says of how many it is one; ``levels``: see ``TaskInstance``."""
    return replace(instance, map_length=prod(levels), map_levels=levels if len(levels) > 1 else ())


def map_indexes(task: Task, unexpanded: TaskInstance) -> Sequence[int]:
    """The map indexes that exist of a task: ``NOT_MAPPED`` alone where it is not mapped, or not expanded.

    ``unexpanded`` is its instance without a map index, as it is now.
    """
    expansion = task.expansion
    length = unexpanded.map_length if expansion else None
    if length is None and expansion and unexpanded.state is None:
        length = expansion.literal
    return range(length) if length else (NOT_MAPPED,)


def levels_in(graph: Graph, items: RunItems) -> Mapping[str, tuple[int, ...]]:
    """Over which lengths the tasks of mapped groups inside others are expanded, by task id."""
    nested = (task for task in graph.tasks.values() if len(task.groups) > 1)
    return {task.task_id: next(items.instances_of(task)).levels for task in nested}
