"""Sensors in both modes, one that gives a value, one that gives up softly and one that fails."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.decorators import task
from airflow.sensors.base import PokeReturnValue
from airflow.sensors.date_time import DateTimeSensor
from airflow.sensors.python import PythonSensor
from airflow.sensors.time_delta import TimeDeltaSensor

with DAG("sensors", start_date=datetime(2026, 1, 1), schedule="@daily", catchup=False):
    DateTimeSensor(task_id="date", target_time="{{ data_interval_end }}")
    TimeDeltaSensor(task_id="delta", delta=timedelta(minutes=1), mode="reschedule")
    quick = {"poke_interval": 0.1, "timeout": 0.3, "python_callable": lambda: False}
    PythonSensor(task_id="gives_up", soft_fail=True, **quick)
    PythonSensor(task_id="fails", mode="reschedule", **{**quick, "timeout": 0})

    @task.sensor(poke_interval=1, timeout=60)
    def value():
        return PokeReturnValue(is_done=True, xcom_value="found")

    @task
    def use(found):
        return found

    use(value())
