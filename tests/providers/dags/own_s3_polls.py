"""Keys whose contents are right at the fourth look: awaited in both ways that hold no compute."""

import os
from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor


def at_the_fourth_look(name):
    """A check that counts its calls in a file: each look may be another process."""

    def check(files, **_):
        path = f"{os.environ['CORPUS_DIR']}/work/{name}"
        with open(path, "a") as file:
            file.write(".")
        return os.path.getsize(path) >= 4

    return check


with DAG("own_s3_polls", start_date=datetime(2026, 1, 1), schedule=None, catchup=False) as dag:
    common = {"bucket_key": "in/{{ ds }}/*.csv", "bucket_name": "corpus-seed", "wildcard_match": True, "poke_interval": 1}
    rescheduled = S3KeySensor(
        task_id="rescheduled", mode="reschedule", timeout=60, check_fn=at_the_fourth_look("rescheduled"), **common
    )
    deferred = S3KeySensor(
        task_id="deferred", deferrable=True, timeout=60, check_fn=at_the_fourth_look("deferred"), **common
    )

    @task
    def looks():
        folder = f"{os.environ['CORPUS_DIR']}/work"
        return [os.path.getsize(f"{folder}/{name}") for name in ("rescheduled", "deferred")]

    [rescheduled, deferred] >> looks()
