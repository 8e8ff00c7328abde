"""Files of a partner that come some pokes later: sensors hold their worker, let go of it, or defer."""

import os
from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.sftp.sensors.sftp import SFTPSensor

INBOX = os.environ["FILES_OF_SFTP"]
OFTEN = {"poke_interval": 0.2, "timeout": 60}

with DAG("file_arrives", start_date=datetime(2026, 1, 1), schedule=None, catchup=False, default_args=OFTEN):
    poke = SFTPSensor(task_id="poke", path=f"{INBOX}/{{{{ task.task_id }}}}.csv")
    reschedule = SFTPSensor(
        task_id="reschedule", path=f"{INBOX}/{{{{ task.task_id }}}}.csv", mode="reschedule"
    )
    deferrable = SFTPSensor(task_id="deferrable", path=f"{INBOX}/{{{{ task.task_id }}}}.csv", deferrable=True)
    by_pattern = SFTPSensor(
        task_id="by_pattern",
        path=INBOX,
        file_pattern="by_*.csv",
        newer_than="{{ data_interval_start }}",
        deferrable=True,
    )

    @task.sftp_sensor(path=INBOX, file_pattern="dec*.csv", mode="reschedule")
    def decorated(kind, files_found):
        return [kind, len(files_found)]

    poke >> reschedule >> deferrable >> by_pattern >> decorated(kind="csv")
