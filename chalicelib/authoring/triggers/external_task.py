"""Triggers that fire when runs of other DAGs, or tasks in them, are in certain states."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from datetime import datetime
from typing import Any

from chalicelib.authoring.dates import as_utc
from chalicelib.authoring.triggers.base import BaseTrigger, TriggerEvent
from chalicelib.domain.runs.other_runs import NoOtherRuns, OtherRuns, WatchedRun, WatchedTasks


class TriggerOfOtherRuns(BaseTrigger):
    """A trigger whose window sees runs of other DAGs."""

    other_runs: OtherRuns = NoOtherRuns()


class WorkflowTrigger(TriggerOfOtherRuns):
    """Fires ``{"status": ...}``: ``success`` when all is in ``allowed_states`` in the runs of all dates.

    It is the tasks of these ids, or of this group, or else the run itself. One task in ``skipped_states``
    gives ``skipped``. With ``failed_states`` it looks once, as Airflow's: ``failed``, or else ``success``.
    """

    def __init__(
        self,
        external_dag_id: str,
        execution_dates: list[datetime],
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        failed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        allowed_states: Iterable[str] | None = None,
        poke_interval: float = 2.0,
        soft_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.external_dag_id = external_dag_id
        self.execution_dates = execution_dates
        self.external_task_ids = external_task_ids
        self.external_task_group_id = external_task_group_id
        self.failed_states = failed_states
        self.skipped_states = skipped_states
        self.allowed_states = allowed_states
        self.poke_interval = poke_interval
        self.soft_fail = soft_fail

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Its arguments."""
        names = ("external_dag_id", "execution_dates", "external_task_ids", "external_task_group_id")
        states = ("failed_states", "skipped_states", "allowed_states")
        kwargs = {name: getattr(self, name) for name in (*names, *states, "poke_interval", "soft_fail")}
        return "airflow.triggers.external_task.WorkflowTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look each ``poke_interval``."""
        while (status := self._status()) is None:
            self.log.info("Sleeping for %s seconds", self.poke_interval)
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent({"status": status})

    def _status(self) -> str | None:
        found = self.other_runs.watch(
            WatchedTasks(
                dag_id=self.external_dag_id,
                execution_dates=tuple(map(as_utc, self.execution_dates)),
                task_ids=tuple(self.external_task_ids or ()),
                group_id=self.external_task_group_id,
            )
        )
        if self.failed_states:
            return "failed" if self._count(found, self.failed_states) > 0 else "success"
        if self.skipped_states and self._count(found, self.skipped_states) > 0:
            return "skipped"
        is_done = self._count(found, self.allowed_states or ()) == len(self.execution_dates)
        return "success" if is_done else None

    def _count(self, found: Iterable[WatchedRun], states: Iterable[str]) -> float:
        """In how many runs it is in one of these states, in parts where only some of the tasks are."""
        wanted = {*states}
        if not self.external_task_ids and not self.external_task_group_id:
            return sum(run.run.state in wanted for run in found)
        return sum(self._part(run, wanted) for run in found)

    def _part(self, found: WatchedRun, states: set[str]) -> float:
        instances = [state for task in found.tasks for state in task.states]
        if self.external_task_ids:
            total = len(self.external_task_ids)
        else:
            total = len(instances) + sum(task.undecided for task in found.tasks)
        return sum(state in states for state in instances) / total if total else 0


class DagStateTrigger(TriggerOfOtherRuns):
    """Fires its own path and arguments when the runs of all dates are in one of ``states``."""

    def __init__(
        self, dag_id: str, states: list[str], execution_dates: list[datetime], poll_interval: float = 5.0
    ) -> None:
        super().__init__()
        self.dag_id = dag_id
        self.states = states
        self.execution_dates = execution_dates
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Its arguments."""
        kwargs = {
            "dag_id": self.dag_id,
            "states": [str(state) for state in self.states],
            "execution_dates": self.execution_dates,
            "poll_interval": self.poll_interval,
        }
        return "airflow.triggers.external_task.DagStateTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look each ``poll_interval``."""
        while not self._are_there():
            await asyncio.sleep(self.poll_interval)
        yield TriggerEvent(self.serialize())

    def _are_there(self) -> bool:
        dates = tuple(map(as_utc, self.execution_dates))
        found = self.other_runs.watch(WatchedTasks(dag_id=self.dag_id, execution_dates=dates))
        return sum(run.run.state in self.states for run in found) == len(dates)
