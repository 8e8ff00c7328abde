"""A job as a pod of a cluster: held, and deferred."""

from datetime import datetime

from airflow import DAG
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import models as k8s

with DAG("pod_job", start_date=datetime(2026, 1, 1), schedule=None):
    held = KubernetesPodOperator(
        task_id="held",
        kubernetes_conn_id="cluster",
        namespace="jobs",
        image="registry.example/etl:1",
        cmds=["python", "-m", "etl"],
        arguments=["--day", "{{ ds }}"],
        env_vars={"DAY": "{{ ds }}"},
        container_resources=k8s.V1ResourceRequirements(limits={"memory": "1Gi"}),
        get_logs=True,
        in_cluster=False,
        startup_check_interval_seconds=1,
    )
    deferred = KubernetesPodOperator(
        task_id="deferred",
        kubernetes_conn_id="cluster",
        namespace="jobs",
        name="deferred",
        image="registry.example/etl:1",
        deferrable=True,
        poll_interval=1,
        get_logs=True,
        in_cluster=False,
    )
    held >> deferred
