"""Tasks that wait for a file by a trigger, more than the server has workers."""

import asyncio
import os
from datetime import UTC, datetime

from airflow import DAG
from airflow.models.baseoperator import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent


class Appears(BaseTrigger):
    """Looks each second whether a file is there."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def serialize(self):
        return (f"{__name__}.Appears", {"path": self.path})

    async def run(self):
        while not os.path.exists(self.path):
            await asyncio.sleep(1)
        yield TriggerEvent(self.path)


class WaitForFile(BaseOperator):
    template_fields = ("path",)

    def __init__(self, *, path, **kwargs):
        super().__init__(**kwargs)
        self.path = path

    def execute(self, context):
        self.defer(trigger=Appears(self.path), method_name="found")

    def found(self, context, event):
        return event


with DAG("deferring", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None):
    for number in range(3):
        WaitForFile(task_id=f"wait_{number}", path="{{ dag_run.conf['file'] }}")
