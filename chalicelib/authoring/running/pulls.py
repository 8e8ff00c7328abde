"""``Pulls``: the XComs that a task instance reads, of plain and mapped tasks, in and out of mapped groups."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, product
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.authoring.exceptions import NotOffered
from chalicelib.authoring.model.expand_input import ExpandInput, MappedArguments, references_in
from chalicelib.authoring.model.lazy_sequences import LazyXComSelectSequence
from chalicelib.authoring.model.mapped_group import mapped_groups_around
from chalicelib.authoring.model.mapped_operator import expand_inputs_of, needs_expansion
from chalicelib.authoring.model.xcom_arg import XCOM_RETURN_KEY
from chalicelib.authoring.notset import NOTSET
from chalicelib.authoring.running.xcom_values import from_json
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.runs.xcom_sources import XComSource

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator


class XComs(Protocol):
    """The XComs of a run, as a running try sees them: JSON texts, made by ``xcom_values``."""

    def push(self, key: str, value: str) -> None:
        """Keep a text as this task's value of that key."""

    def pull(self, task_id: str, key: str, map_index: int = NOT_MAPPED) -> str | None:
        """A task's text of that key, or None."""

    def pull_all(self, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        """Map index and text of each instance of a mapped task that pushed that key, by index."""

    def elsewhere(self, source: XComSource) -> Iterator["XComs"]:
        """The XComs of other runs, the latest run first."""


class Pulls:
    """What one task instance reads; ``task`` is that of the DAG, mapped or not."""

    def __init__(self, task: "BaseOperator", request: TryRequest, xcoms: XComs) -> None:
        self._task = task
        self._map_index = request.map_index
        self._levels = request.map_levels
        self._has_gaps = request.has_gaps
        self._xcoms = xcoms
        self._groups = list(mapped_groups_around(task.task_group))
        self._mapped_over = {operator.task_id for operator, _ in references_in(expand_inputs_of(task))}
        self._of_groups: dict[int, MappedArguments] = {}
        self._map_length = request.map_length

    def pull(
        self, task_ids: str | Iterable[str] | None, key: str, map_indexes: int | Iterable[int] | None
    ) -> Any:
        """The value of a task or a list of values, as ``TaskInstance.xcom_pull``; ``NOTSET`` for none."""
        if self._task.dag.is_of_airflow_3:
            return self._pull_by_airflow_3(task_ids, key, map_indexes)
        if map_indexes is not None and not isinstance(map_indexes, int):
            pairs = product(self._listed(task_ids), map_indexes)
            return _pushed(self._value(task_id, key, index) for task_id, index in pairs)
        if task_ids is None or isinstance(task_ids, str):
            values = (self._of_task(task_id, key, map_indexes) for task_id in self._listed(task_ids))
            return next((value for value in values if value is not NOTSET), NOTSET)
        return [value for task_id in task_ids for value in self._each_of_task(task_id, key, map_indexes)]

    def _pull_by_airflow_3(
        self, task_ids: str | Iterable[str] | None, key: str, map_indexes: int | Iterable[int] | None
    ) -> Any:
        """Without task ids the task's own value; in a list of values None for what was not pushed."""
        if task_ids is None:
            return self._value(self._task.task_id, key, self._map_index)
        ids = self._listed(task_ids)
        if map_indexes is not None and not isinstance(map_indexes, int):
            return [_or_none(self._value(each, key, index)) for each, index in product(ids, map_indexes)]
        found = [self._of_task(each, key, map_indexes) for each in ids]
        if isinstance(task_ids, str):
            return list(found[0]) if isinstance(found[0], LazyXComSelectSequence) else found[0]
        of_each = (each if isinstance(each, LazyXComSelectSequence) else [_or_none(each)] for each in found)
        return list(chain.from_iterable(of_each))

    def pull_elsewhere(
        self,
        source: XComSource,
        task_ids: str | Iterable[str] | None,
        key: str,
        map_indexes: int | Iterable[int] | None,
    ) -> Any:
        """The same of other runs: the latest value of a task, or of several tasks all values, by run.

        Of its own DAG the definition says which tasks are mapped, of another the values do.
        Raises ``NotOffered`` for another DAG's values without task ids.
        """
        if task_ids is None and self._task.dag.is_of_airflow_3:
            task_ids = self._task.task_id
        if task_ids is None and source.dag_id != self._task.dag.dag_id:
            raise NotOffered("XComs of other DAGs without task_ids")
        listed = self._listed(task_ids)
        indexes = [map_indexes] if map_indexes is None or isinstance(map_indexes, int) else list(map_indexes)
        runs = self._xcoms.elsewhere(source)
        wanted = list(product(listed, indexes))
        if (task_ids is None or isinstance(task_ids, str)) and indexes == [map_indexes]:
            values = (
                self._of_run(run, source, task_id, key, index) for run in runs for task_id, index in wanted
            )
            return next((value for value in values if value is not NOTSET), NOTSET)
        earliest_first = list(runs)[::-1]
        found = (
            self._of_run(run, source, task_id, key, index)
            for task_id, index in wanted
            for run in earliest_first
        )
        return [value for item in found for value in _each(item)]

    def output(self, task: "BaseOperator", key: str) -> Any:
        """What ``task.output`` stands for in this instance; ``NOTSET`` if that was not pushed.

        If both stand in a mapped group, the value of the related instance or instances.
        """
        related = self.relevant_map_indexes(task, self._map_length)
        if related is None and self._finds_by_index(task.task_id, key):
            return _lazily(self._xcoms, task.task_id, key, partial(self._xcoms.pull, task.task_id, key))
        if related is None:
            return self._of_task(task.task_id, key, None)
        return self.pull(task.task_id, key, related)

    def relevant_map_indexes(self, upstream: "BaseOperator", ti_count: int | None) -> int | range | None:
        """The map index, or indexes, of the task upstream whose values belong to this instance; None: all.

        ``ti_count`` is the number of instances that this one is one of. The instances of a task that is
        mapped further inside the shared group are counted by those of this task, as in Airflow.
        """
        if not ti_count:
            return None
        of_upstream = list(mapped_groups_around(upstream.task_group))
        shared = {id(group) for group in of_upstream}
        depth = next((place for place, group in enumerate(self._groups) if id(group) in shared), None)
        if depth is None:
            return None
        further_in = prod(self._levels[len(self._levels) - depth :])
        index = self._map_index // further_in
        if of_upstream[0] is self._groups[depth]:
            return index
        return range(index * further_in, (index + 1) * further_in)

    def group_arguments(self, expand_input: ExpandInput, context: Mapping[str, Any]) -> MappedArguments:
        """The arguments that a mapped group around the task has in this instance; found once.

        In a group inside another the index is taken modulo the number of the outer one's, as in Airflow.
        Raises ``RuntimeError`` outside of the group.
        """
        level = next((n for n, group in enumerate(self._groups) if group.expand_input is expand_input), None)
        if self._map_index < 0 or level is None:
            raise RuntimeError("can't resolve task-mapping argument without expanding")
        found = self._of_groups.get(id(expand_input))
        if found is None:
            index = self._map_index % self._levels[-1 - level]
            found = self._of_groups[id(expand_input)] = expand_input.arguments(context, index)
        return found

    def _listed(self, task_ids: str | Iterable[str] | None) -> list[str]:
        if task_ids is None:
            return self._nearest_upstreams()
        return [task_ids] if isinstance(task_ids, str) else list(task_ids)

    def _nearest_upstreams(self) -> list[str]:
        """All tasks upstream, the nearest first."""
        found: dict[str, None] = {}
        waiting = sorted(self._task.upstream_task_ids)
        while waiting:
            found |= dict.fromkeys(waiting)
            further = {up for task_id in waiting for up in self._task.dag.get_task(task_id).upstream_task_ids}
            waiting = sorted(further - found.keys())
        return list(found)

    def _of_task(self, task_id: str, key: str, map_index: int | None) -> Any:
        """A task's value, or of an expanded task the sequence of them; ``NOTSET`` if there is none.

        By Airflow 3's rules a sequence may be empty.
        """
        if map_index is None and self._is_expanded(task_id):
            values = _lazily(self._xcoms, task_id, key)
            return values if self._task.dag.is_of_airflow_3 else values or NOTSET
        return self._value(task_id, key, NOT_MAPPED if map_index is None else map_index)

    def _each_of_task(self, task_id: str, key: str, map_index: int | None) -> list[Any]:
        """A task's value, or all of an expanded task, without those that were not pushed."""
        return _each(self._of_task(task_id, key, map_index))

    def _of_run(self, run: XComs, source: XComSource, task_id: str, key: str, map_index: int | None) -> Any:
        """The same as ``_of_task``, of another run."""
        is_own = source.dag_id == self._task.dag.dag_id
        if map_index is None and is_own and self._is_expanded(task_id):
            return _lazily(run, task_id, key) or NOTSET
        value = _value(run, task_id, key, NOT_MAPPED if map_index is None else map_index)
        if value is NOTSET and map_index is None and not is_own:
            return _lazily(run, task_id, key) or NOTSET
        return value

    def _value(self, task_id: str, key: str, map_index: int) -> Any:
        return _value(self._xcoms, task_id, key, map_index)

    def _finds_by_index(self, task_id: str, key: str) -> bool:
        """Whether each item of an output is known to be that of the same map index, and to be there."""
        is_known = not self._has_gaps and key == XCOM_RETURN_KEY and task_id in self._mapped_over
        return is_known and self._is_expanded(task_id)

    def _is_expanded(self, task_id: str) -> bool:
        dag = self._task.dag
        return dag.has_task(task_id) and needs_expansion(dag.get_task(task_id))


def _or_none(value: Any) -> Any:
    return None if value is NOTSET else value


def _value(xcoms: XComs, task_id: str, key: str, map_index: int) -> Any:
    text = xcoms.pull(task_id, key, map_index)
    return NOTSET if text is None else from_json(text)


def _lazily(xcoms: XComs, task_id: str, key: str, pull: Any = None) -> LazyXComSelectSequence:
    def pull_all() -> Iterator[str]:
        return (text for _, text in xcoms.pull_all(task_id, key))

    return LazyXComSelectSequence(from_json, pull_all, pull)


def _each(value: Any) -> list[Any]:
    """A value as a list, the sequence of those of a mapped task as such; none where it was not pushed."""
    return list(value) if isinstance(value, LazyXComSelectSequence) else _pushed([value])


def _pushed(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not NOTSET]
