"""A cluster that is made and removed around the work, whatever comes of it."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import setup, task, teardown


@setup
def create_cluster():
    return "cluster-1"


@task
def work(name):
    raise ValueError(f"no work on {name}")


@teardown
def delete_cluster(name):
    print("deleting", name)


with DAG("setup_teardown", start_date=datetime(2026, 1, 1), schedule=None):
    cluster = create_cluster()
    with delete_cluster(cluster):
        work(cluster)
