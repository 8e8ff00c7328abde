"""Triggers of a run that ``dags test`` makes: those that are due share a window."""

from datetime import UTC, datetime
from pathlib import Path

from chalicelib.domain.states import DagRunState
from chalicelib.simulation.one_run import Laboratory, WantedRun, Watch

_DAG = """
import asyncio
from datetime import datetime

from airflow import DAG
from airflow.models.baseoperator import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent


class Soon(BaseTrigger):
    def serialize(self):
        return "two.Soon", {}

    async def run(self):
        await asyncio.sleep(5)
        yield TriggerEvent("now")


class Waits(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Soon(), method_name="resume")

    def resume(self, context, event):
        return event


with DAG("two", start_date=datetime(2026, 1, 1), schedule=None):
    Waits(task_id="one"), Waits(task_id="other")
"""


def test_due_triggers_share_a_window(tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(_DAG)
    windows: list[set[str]] = []
    watch = Watch(on_window=lambda request: windows.append({each.task_id for each in request.triggers}))
    laboratory = Laboratory(tmp_path, watch)
    finished = laboratory.run(WantedRun(dag_id="two", execution_date=datetime(2026, 1, 2, tzinfo=UTC)))
    assert finished.run.state is DagRunState.SUCCESS
    assert windows[0] == {"one", "other"}
