"""``policy suggest``: a document on standard output, and what it cannot know on standard error."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chalicelib.cli import updraft

OPERATOR = """
from airflow.models import BaseOperator

class SqsPublishOperator(BaseOperator):
    def __init__(self, sqs_queue, region_name=None, **kwargs):
        super().__init__(**kwargs)
        self.sqs_queue, self.region_name = sqs_queue, region_name
"""

FILE = """
from datetime import datetime
from airflow import DAG
from airflow.operators.python import PythonOperator
from airflow.providers.amazon.aws.operators.sqs import SqsPublishOperator

def call():
    import boto3
    boto3.client("s3")

with DAG("tells", start_date=datetime(2026, 1, 1), schedule=None):
    SqsPublishOperator(task_id="tell", sqs_queue="orders")
    PythonOperator(task_id="call", python_callable=call)
with DAG("tells_more", start_date=datetime(2026, 1, 1), schedule=None):
    SqsPublishOperator(task_id="tell", sqs_queue="{{ var.value.queue }}")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAG file, and as much of the amazon provider as it uses."""
    operators = tmp_path / "packages/airflow/providers/amazon/aws/operators"
    operators.mkdir(parents=True)
    (operators / "sqs.py").write_text(OPERATOR)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "tells.py").write_text(FILE)
    return dags


def suggest(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(updraft, ["policy", "suggest", "-S", str(folder), *arguments])


def test_the_policy_of_a_dag_is_all_of_standard_output(folder: Path) -> None:
    result = suggest(folder, "tells")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "MySqs",
                "Effect": "Allow",
                "Action": "sqs:SendMessage",
                "Resource": "arn:{partition}:sqs:{region}:{account}:orders",
            }
        ],
    }
    assert result.stderr.splitlines() == [
        "tells.call: its Python code uses boto3; what that calls cannot be seen: add it yourself"
    ]


def test_for_a_role_the_place_is_filled_in(folder: Path) -> None:
    result = suggest(folder, "--account", "123456789012", "--region", "cn-north-1")
    (statement,) = json.loads(result.stdout)["Statement"]
    assert statement["Resource"] == "arn:aws-cn:sqs:cn-north-1:123456789012:*", "of all DAGs of the folder"
    assert "tells_more.tell: sqs:SendMessage could be on less: sqs_queue does not tell which" in result.stderr
    assert suggest(folder, "--account", "123456789012").exit_code == 2


def test_a_dag_that_is_not_there_is_told_of(folder: Path) -> None:
    result = suggest(folder, "nope")
    assert result.exit_code == 1
    assert "No task of a DAG 'nope' is in the files" in result.stderr
