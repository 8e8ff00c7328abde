"""A task that waits for a trigger of its own file, over two of its windows."""

import asyncio
from datetime import UTC, datetime

from airflow import DAG
from airflow.models import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent


class Waits(BaseTrigger):
    def serialize(self):
        return "e2e_deferred.Waits", {}

    async def run(self):
        await asyncio.sleep(4)
        yield TriggerEvent("waited")


class Wait(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Waits(), method_name="go_on")

    def go_on(self, context, event):
        print("the trigger has fired:", event)


with DAG(dag_id="e2e_deferred", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False):
    Wait(task_id="wait")
