"""Files by object paths."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.io.path import ObjectStoragePath

with DAG("object_storage", start_date=datetime(2026, 1, 1), schedule=None):

    @task
    def write_and_read():
        import tempfile

        path = ObjectStoragePath(f"file://{tempfile.mkdtemp()}") / "report.txt"
        path.write_text("done")
        return path.read_text()

    write_and_read()
