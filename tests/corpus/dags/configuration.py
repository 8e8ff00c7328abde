"""Options of Airflow's, and names of its metadata database, which are there and say what to use instead."""

from datetime import datetime

from airflow import DAG
from airflow.configuration import conf
from airflow.decorators import task
from airflow.models import DagModel
from airflow.utils.session import create_session

with DAG("configuration", start_date=datetime(2026, 1, 1), schedule=None):

    @task
    def option():
        return [conf.getint("core", "parallelism"), conf.get("core", "nothing_like_it", fallback="?")]

    @task
    def database():
        with create_session() as session:
            return session.query(DagModel).count()

    option()
    database()
