"""A partner's file that comes some pokes later: the sensor holds its worker, lets go of it, or defers."""

import os
from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.sftp.sensors.sftp import SFTPSensor

INBOX = os.environ["FILES_OF_SFTP"]
WAYS = {
    "poke": {"path": f"{INBOX}/{{{{ ds }}}}.csv"},
    "reschedule": {"path": f"{INBOX}/{{{{ ds }}}}.csv", "mode": "reschedule"},
    "deferrable": {"path": f"{INBOX}/{{{{ ds }}}}.csv", "deferrable": True},
    "deferrable_by_pattern": {"path": INBOX, "file_pattern": "*.csv", "deferrable": True},
    "decorated": {},
}


def arrival(way, arguments):
    with DAG(f"file_arrives_{way}", start_date=datetime(2026, 1, 1), schedule=None, catchup=False) as dag:
        if way == "decorated":

            @task.sftp_sensor(path=INBOX, file_pattern="*.csv", poke_interval=0.2, timeout=60, mode="reschedule")
            def wait(kind, files_found):
                return [kind, len(files_found)]

            wait(kind="csv")
        else:
            SFTPSensor(task_id="wait", poke_interval=0.2, timeout=60, **arguments)
    return dag


for way, arguments in WAYS.items():
    globals()[way] = arrival(way, arguments)
