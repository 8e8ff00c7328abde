"""Jobs of AWS: DynamoDB, Step Functions awaited in both modes, Lambda by hook, secrets, a batch job that is looked at."""

import json
from datetime import datetime, timedelta

from airflow import DAG
from airflow.decorators import task
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.dynamodb import DynamoDBHook
from airflow.providers.amazon.aws.hooks.lambda_function import LambdaHook
from airflow.providers.amazon.aws.hooks.secrets_manager import SecretsManagerHook
from airflow.providers.amazon.aws.hooks.step_function import StepFunctionHook
from airflow.providers.amazon.aws.operators.step_function import (
    StepFunctionGetExecutionOutputOperator,
    StepFunctionStartExecutionOperator,
)
from airflow.providers.amazon.aws.sensors.dynamodb import DynamoDBValueSensor
from airflow.providers.amazon.aws.sensors.step_function import StepFunctionExecutionSensor

PREFIX = "arn:aws:states:us-east-1:123456789012:stateMachine:"

with DAG(
    "own_aws_jobs",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    catchup=False,
    default_args={"retry_delay": timedelta(seconds=1), "aws_conn_id": "aws_default"},
) as dag:

    @task
    def items(ds=None):
        hook = DynamoDBHook(table_name="corpus-table", table_keys=["pk"])
        hook.write_batch_data([{"pk": "a", "n": 1}, {"pk": "b", "n": 2}])
        table = hook.get_conn().Table("corpus-table")
        return sorted([each["pk"], int(each["n"])] for each in table.scan()["Items"])

    value = DynamoDBValueSensor(
        task_id="value", table_name="corpus-table", partition_key_name="pk", partition_key_value="late",
        attribute_name="state", attribute_value=["done", "ok"], poke_interval=1, timeout=30, mode="reschedule",
    )

    @task
    def set_value():
        table = AwsBaseHook(aws_conn_id="aws_default", resource_type="dynamodb").get_conn().Table("corpus-table")
        table.put_item(Item={"pk": "late", "state": "done"})

    start = StepFunctionStartExecutionOperator.partial(
        task_id="start", state_machine_arn=PREFIX + "corpus-flow"
    ).expand_kwargs([{"name": f"run-{n}", "state_machine_input": {"n": n}} for n in (1, 2)])
    wait = StepFunctionExecutionSensor.partial(
        task_id="wait", poke_interval=1, timeout=30, mode="reschedule"
    ).expand(execution_arn=start.output)
    output = StepFunctionGetExecutionOutputOperator.partial(task_id="output").expand(execution_arn=start.output)

    @task
    def secret():
        client = AwsBaseHook(aws_conn_id="aws_default", client_type="secretsmanager").conn
        client.create_secret(Name="own/secret", SecretString=json.dumps({"user": "x"}))
        return SecretsManagerHook().get_secret_as_dict("own/secret")

    @task(retries=1)
    def broken():
        LambdaHook().invoke_lambda(function_name="not-there", payload="{}")

    @task
    def who():
        hook = AwsBaseHook(aws_conn_id="aws_default", client_type="sts")
        status, text = hook.test_connection()
        return [status, hook.conn.get_caller_identity()["Account"], hook.region_name, hook.conn_partition]

    @task
    def describe(arns):
        return [StepFunctionHook().describe_execution(arn)["status"] for arn in arns]

    items() >> set_value() >> value
    start >> wait >> output
    wait >> describe(start.output)
    secret()
    broken()
    who()
