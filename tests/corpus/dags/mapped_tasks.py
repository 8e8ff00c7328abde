"""Tasks mapped over literals, over outputs and over both, with map, zip and concat."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.operators.bash import BashOperator

with DAG("mapped_tasks", start_date=datetime(2026, 1, 1), schedule=None):

    @task
    def numbers():
        return [1, 2, 3]

    @task
    def add(x, y):
        return x + y

    @task
    def total(values):
        return sum(values)

    listed = numbers()
    sums = add.partial(y=10).expand(x=listed)
    total(sums)
    add.override(task_id="crossed").expand(x=[1, 2], y=[10, 20])
    add.override(task_id="by_kwargs").expand_kwargs([{"x": 1, "y": 2}, {"x": 3, "y": 4}])
    add.override(task_id="zipped").expand_kwargs(
        listed.zip(listed).map(lambda pair: {"x": pair[0], "y": pair[1]})
    )
    add.override(task_id="concatenated").partial(y=0).expand(x=listed.concat(listed))
    BashOperator.partial(task_id="commands").expand(bash_command=["exit 0", "exit 99", "echo done"])
