"""The lineage that hooks of provider packages tell of, in a fresh process with the packages."""

import json
import os
import subprocess
import sys

from tests.pages import ROOT
from tests.providers.sets import folder_of

_PROGRAM = """
import json
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.operators.python import PythonOperator
from tests.unit.authoring.running import START, run

def copy():
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    hook, collector = S3Hook(), get_hook_lineage_collector()
    collector.add_input_asset(context=hook, scheme="file", asset_kwargs={"path": "/tmp/x"})
    collector.add_output_asset(context=hook, scheme="s3", asset_kwargs={"bucket": "b", "key": "k/x"})

with DAG("d", schedule=None, start_date=START) as dag:
    PythonOperator(task_id="a", python_callable=copy)
outcome = run(dag, "a")
print("\\n" + json.dumps([outcome.reason, outcome.inlets, outcome.outlets, outcome.dataset_changes]))
"""


def test_a_dataset_of_a_package_is_in_the_lineage_and_makes_no_event() -> None:
    environ = {**os.environ, "PYTHONPATH": str(folder_of("A"))}
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = "airflow.datasets.Dataset@version=1(uri={},extra=None)"
    expected = ["", [shown.format("file:///tmp/x")], [shown.format("s3://b/k/x")], []]
    assert json.loads(done.stdout.splitlines()[-1]) == expected
