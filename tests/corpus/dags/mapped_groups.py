"""A group of tasks for each file."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task, task_group

with DAG("mapped_groups", start_date=datetime(2026, 1, 1), schedule=None):

    @task
    def files():
        return ["a.csv", "b.csv"]

    @task
    def read(name):
        return len(name)

    @task
    def write(size, name):
        if name == "b.csv":
            raise ValueError("the disk is full")
        return size

    @task_group
    def load(name):
        write(read(name), name)

    @task(trigger_rule="all_done")
    def report():
        return "reported"

    load.expand(name=files()) >> report()
