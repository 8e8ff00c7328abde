"""An operator of one's own that waits in a trigger, and a sensor of Airflow's that does."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.models.baseoperator import BaseOperator
from airflow.sensors.time_delta import TimeDeltaSensorAsync
from airflow.triggers.temporal import TimeDeltaTrigger


class Job(BaseOperator):
    def execute(self, context):
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=1)), method_name="finish")

    def finish(self, context, event=None):
        return "finished"


with DAG("deferrable", start_date=datetime(2026, 1, 1), schedule="@daily", catchup=False):
    Job(task_id="job") >> TimeDeltaSensorAsync(task_id="waits", delta=timedelta(seconds=1))
