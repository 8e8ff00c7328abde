"""A container of a Docker host, reached by its API."""

import os
from datetime import datetime

from airflow import DAG
from airflow.providers.docker.operators.docker import DockerOperator

with DAG("container", start_date=datetime(2026, 1, 1), schedule=None):
    ran = DockerOperator(
        task_id="ran",
        docker_url=os.environ["DOCKER_URL"],
        image="registry.example/etl:1",
        command="load --day {{ ds }}",
        environment={"DAY": "{{ ds }}"},
        mount_tmp_dir=False,
        auto_remove="success",
        force_pull=True,
    )
    fails = DockerOperator(
        task_id="fails",
        docker_url=os.environ["DOCKER_URL"],
        image="registry.example/etl:broken",
        command="load",
        mount_tmp_dir=False,
    )
