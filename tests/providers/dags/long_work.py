"""Jobs of six services, started and awaited in each of three ways."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.providers.amazon.aws.hooks.ecs import EcsTaskStates
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator
from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator
from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.operators.step_function import StepFunctionStartExecutionOperator
from airflow.providers.amazon.aws.sensors.batch import BatchSensor
from airflow.providers.amazon.aws.sensors.ecs import EcsTaskStateSensor
from airflow.providers.amazon.aws.sensors.emr import EmrServerlessJobSensor
from airflow.providers.amazon.aws.sensors.glue import GlueJobSensor
from airflow.providers.amazon.aws.sensors.step_function import StepFunctionExecutionSensor

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:nightly"
ROLE = "arn:aws:iam::123456789012:role/job"


def ecs(**kwargs):
    return EcsRunTaskOperator(
        task_id="ecs",
        cluster="blue",
        task_definition="etl",
        launch_type="FARGATE",
        overrides={"taskRoleArn": ROLE, "executionRoleArn": ROLE},
        **kwargs,
    )


def batch(**kwargs):
    return BatchOperator(
        task_id="batch",
        job_name="etl",
        job_queue="q",
        job_definition="d",
        aws_conn_id="aws_default",
        **kwargs,
    )


def glue(**kwargs):
    return GlueJobOperator(task_id="glue", job_name="clean", region_name="eu-west-1", **kwargs)


def athena(**kwargs):
    return AthenaOperator(
        task_id="athena", query="SELECT 1", database="lake", output_location="s3://results/q/", **kwargs
    )


def emr(**kwargs):
    return EmrServerlessStartJobOperator(
        task_id="emr",
        application_id="app1",
        execution_role_arn=ROLE,
        job_driver={"sparkSubmit": {"entryPoint": "s3://code/job.py"}},
        **kwargs,
    )


def step_functions(**kwargs):
    return StepFunctionStartExecutionOperator(task_id="states", state_machine_arn=MACHINE, **kwargs)


def dag(name):
    return DAG(name, start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None)


with dag("deferrable"):
    ecs(deferrable=True, waiter_delay=60)
    batch(deferrable=True, poll_interval=60)
    glue(deferrable=True, job_poll_interval=60)
    athena(deferrable=True, sleep_time=60)
    emr(deferrable=True, waiter_delay=60)
    step_functions(deferrable=True, waiter_delay=60)

with dag("waiting"):
    ecs(waiter_delay=0)
    batch(poll_interval=0, max_retries=9)
    glue(job_poll_interval=0)
    athena(sleep_time=0)
    emr(waiter_delay=0)

with dag("sensed"):
    often = {"mode": "reschedule", "poke_interval": 60}
    task = ecs(wait_for_completion=False)
    task >> EcsTaskStateSensor(
        task_id="ecs_over",
        cluster="blue",
        task="{{ ti.xcom_pull('ecs', key='ecs_task_arn') }}",
        target_state=EcsTaskStates.STOPPED,
        failure_states={EcsTaskStates.NONE},
        **often,
    )
    BatchSensor(task_id="batch_over", job_id=batch(wait_for_completion=False).output, **often)
    job = glue(wait_for_completion=False)
    GlueJobSensor(task_id="glue_over", job_name="clean", run_id=job.output, **often)
    run = emr(wait_for_completion=False)
    EmrServerlessJobSensor(task_id="emr_over", application_id="app1", job_run_id=run.output, **often)
    execution = step_functions()
    StepFunctionExecutionSensor(task_id="states_over", execution_arn=execution.output, **often)

with dag("marked"):
    ecs(waiter_delay=1)
    batch(poll_interval=1, max_retries=99)
