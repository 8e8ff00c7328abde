"""Branches by the day of the week and by the time of the run."""

from datetime import datetime, time

from airflow import DAG
from airflow.operators.datetime import BranchDateTimeOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.weekday import BranchDayOfWeekOperator
from airflow.utils.weekday import WeekDay

with DAG("branching_by_date", start_date=datetime(2026, 1, 1), schedule=None):
    BranchDayOfWeekOperator(
        task_id="weekend",
        follow_task_ids_if_true="rest",
        follow_task_ids_if_false="work",
        week_day={WeekDay.SATURDAY, WeekDay.SUNDAY},
        use_task_logical_date=True,
    ) >> [EmptyOperator(task_id="rest"), EmptyOperator(task_id="work")]
    BranchDateTimeOperator(
        task_id="morning",
        follow_task_ids_if_true="early",
        follow_task_ids_if_false="late",
        target_lower=time(0, 0),
        target_upper=time(12, 0),
        use_task_logical_date=True,
    ) >> [EmptyOperator(task_id="early"), EmptyOperator(task_id="late")]
