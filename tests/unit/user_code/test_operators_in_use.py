"""Operators that DAG files use: their classes, what of their arguments is known, how their code calls AWS."""

from pathlib import Path

import pytest

from chalicelib.domain.tasks.operators_in_use import OperatorInUse
from chalicelib.user_code.operators_apart import FilesNotLoaded, operators_apart

FILE = """
from datetime import datetime
from airflow import DAG
from airflow.models import BaseOperator
from airflow.operators.python import PythonOperator
import boto3

class Copy(BaseOperator):
    template_fields = ("key",)

    def __init__(self, key, replace=False, region_name=None, **kwargs):
        super().__init__(**kwargs)
        self.key, self.replace, self.region_name = key, replace, region_name

    def execute(self, context):
        return client("s3")

def client(name):
    return boto3.client(name)

def late():
    from botocore.session import Session
    return Session()

def plain():
    print("no call")

with DAG("uses", start_date=datetime(2026, 1, 1), schedule=None):
    first = PythonOperator(task_id="first", python_callable=late)
    Copy(task_id="copy", key="in/{{ ds }}", region_name="eu-west-1")
    Copy(task_id="after", key=first.output)
    Copy.partial(task_id="many", region_name="eu-west-1").expand(key=["a", "b"])
    PythonOperator(task_id="plain", python_callable=plain)
"""


@pytest.fixture
def used(tmp_path: Path) -> dict[str, OperatorInUse]:
    (tmp_path / "uses.py").write_text(FILE)
    (tmp_path / "broken.py").write_text(
        "from airflow import DAG\nprint('hidden')\nraise ValueError('broken')"
    )
    found = operators_apart(tmp_path)
    assert [file.filename for file in found.broken] == ["broken.py"]
    return {each.task_id: each for each in found.operators}


def test_classes_arguments_and_callers_are_told_by_task(used: dict[str, OperatorInUse]) -> None:
    copy = used["copy"]
    assert copy.dag_id == "uses"
    assert copy.classes[0].endswith(".Copy")
    assert any(name.endswith(".BaseOperator") for name in copy.classes)
    assert (copy.arguments["key"], copy.arguments["region_name"]) == ("in/{{ ds }}", "eu-west-1")
    assert copy.callers == ("boto3",), "by a function that its execute calls"
    assert "key" in used["after"].unknown, "what another task returns"


def test_of_a_mapped_task_defaults_and_all_its_values_are_known(used: dict[str, OperatorInUse]) -> None:
    many = used["many"]
    assert many.classes == used["copy"].classes
    assert (many.arguments["key"], many.arguments["replace"]) == (["a", "b"], False)


def test_python_code_calls_aws_by_what_it_imports(used: dict[str, OperatorInUse]) -> None:
    assert used["first"].callers == ("botocore.session",)
    assert used["plain"].callers == ()


def test_a_file_that_ends_the_process_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("from airflow import DAG\nimport os\nos._exit(0)")
    with pytest.raises(FilesNotLoaded, match="has ended the process"):
        operators_apart(tmp_path)
