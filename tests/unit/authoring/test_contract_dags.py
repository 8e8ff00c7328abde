"""The contract's DAG files, unchanged: what they serialize to and what each of their tasks does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.loading.serialization import serialize
from chalicelib.domain.runs.outcomes import TryResult
from tests.scripted.loading import load_folder
from tests.unit.authoring.running import CONTRACT_DAGS, FakeXComs, contract_dag, run

PROJECT = Path(__file__).parents[3]
EXAMPLES = PROJECT / "chalicelib" / "dags"

SERIALIZE_ALL = """
import json, pathlib, sys
from tests.scripted.loading import load_folder
from chalicelib.authoring.loading.serialization import serialize
for folder in sys.argv[1:]:
    loaded = load_folder(pathlib.Path(folder))
    for file in loaded.files:
        for dag in file.dags:
            print(json.dumps(serialize(dag, file.filename), sort_keys=True))
print(sorted({"jinja2", "pendulum", "botocore", "chalice", "pynamodb", "airflow"} & set(sys.modules)))
"""


def documents() -> dict[str, dict[str, Any]]:
    loaded = load_folder(CONTRACT_DAGS)
    assert loaded.failures == ()
    return {dag.dag_id: serialize(dag, file.filename) for file in loaded.files for dag in file.dags}


def task_of(document: dict[str, Any], task_id: str) -> dict[str, Any]:
    return next(task for task in document["tasks"] if task["task_id"] == task_id)


def test_all_contract_dags_load() -> None:
    assert set(documents()) == {
        "contract_bash", "contract_branch", "contract_conf", "contract_cron", "contract_lineage",
        "contract_manual", "contract_other", "contract_empty", "contract.dotted-name", "contract_delete",
        "contract_pool", "contract_retry", "contract_slow", "contract_taskflow",
    }  # fmt: skip


def test_the_shipped_examples_load() -> None:
    loaded = load_folder(EXAMPLES)
    assert loaded.failures == ()
    assert set(loaded.dags) == {"example_hello", "example_branch", "example_taskflow"}


def test_two_processes_serialize_alike_and_load_nothing_heavy() -> None:
    def output(seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", SERIALIZE_ALL, str(CONTRACT_DAGS), str(EXAMPLES)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    first, second = output("1"), output("2")
    assert first == second
    assert first.count("\n") == 14 + 3 + 1
    assert first.endswith("\n[]\n")
    assert "0x" not in first


def test_the_document_of_a_dag() -> None:
    document = documents()["contract_bash"]
    assert {key: value for key, value in document.items() if key != "tasks"} == {
        "dag_id": "contract_bash",
        "description": "three shell commands in a row",
        "fileloc": "contract_bash.py",
        "owner": "contract",
        "schedule": None,
        "timezone": "UTC",
        "timetable_description": "Never, external triggers only",
        "start_date": "2024-01-01T00:00:00+00:00",
        "default_start_date": "2024-01-01T00:00:00+00:00",
        "end_date": None,
        "catchup": False,
        "max_active_runs": 16,
        "max_active_tasks": 16,
        "dagrun_timeout": None,
        "fail_stop": False,
        "tags": ["bash", "contract"],
        "params": {},
        "is_paused_upon_creation": None,
        "render_template_as_native_obj": False,
        "callbacks": [],
    }
    first = {key: value for key, value in document["tasks"][0].items() if key != "attributes"}
    assert first == {
        "task_id": "first",
        "start_date": "2024-01-01T00:00:00+00:00",
        "operator": "BashOperator",
        "upstream": [],
        "trigger_rule": "all_success",
        "retries": 0,
        "retry_delay": 2.0,
        "retry_exponential_backoff": False,
        "max_retry_delay": None,
        "pool": "default_pool",
        "pool_slots": 1,
        "priority_weight": 3,
        "queue": "default",
        "depends_on_past": False,
        "wait_for_downstream": False,
        "execution_timeout": None,
        "is_empty": False,
        "may_skip": "none",
        "is_setup": False,
        "is_teardown": False,
        "on_failure_fail_dagrun": False,
        "max_active_tis_per_dag": None,
        "max_active_tis_per_dagrun": None,
        "callbacks": [],
    }
    assert [task["upstream"] for task in document["tasks"]] == [[], ["first"], ["second"]]


def test_a_start_date_of_the_dag_itself_is_no_default_start_date() -> None:
    document = documents()["contract_cron"]
    assert document["schedule"] == "30 2 * * 1-5"
    assert document["start_date"] == "2024-01-01T00:00:00+00:00"
    assert document["default_start_date"] is None
    assert [task["is_empty"] for task in document["tasks"]] == [True, True]


def test_pools_and_total_weights() -> None:
    tasks = {task["task_id"]: task for task in documents()["contract_pool"]["tasks"]}
    assert [tasks[name]["priority_weight"] for name in ("heavy", "light", "last")] == [7, 4, 1]
    assert [tasks[name]["pool"] for name in ("heavy", "last")] == ["contract_pool", "default_pool"]
    assert (tasks["heavy"]["pool_slots"], tasks["heavy"]["execution_timeout"]) == (2, 300.0)


def test_taskflow_calls_make_dependencies() -> None:
    document = documents()["contract_taskflow"]
    assert {task["task_id"]: task["upstream"] for task in document["tasks"]} == {
        "extract": [],
        "transform": ["extract"],
        "load": ["transform"],
    }
    assert {task["operator"] for task in document["tasks"]} == {"_PythonDecoratedOperator"}
    assert task_of(document, "load")["retries"] == 2
    assert task_of(document, "load")["attributes"]["op_args"] == (
        "(XComArg(<Task(_PythonDecoratedOperator): transform>, 'total'), "
        "XComArg(<Task(_PythonDecoratedOperator): transform>, 'count'))"
    )


COMMON = {
    "depends_on_past": "False", "do_xcom_push": "True", "doc_md": "None", "email": "None",
    "email_on_failure": "True", "email_on_retry": "True", "end_date": "None", "execution_timeout": "None",
    "max_retry_delay": "None", "owner": "contract", "params": "{}", "pool": "default_pool",
    "pool_slots": "1", "priority_weight": "1", "queue": "default", "retries": "0",
    "retry_delay": "0:05:00", "retry_exponential_backoff": "False", "run_as_user": "None", "sla": "None",
    "start_date": "2024-01-01 00:00:00+00:00", "trigger_rule": "all_success",
    "wait_for_downstream": "False",
}  # fmt: skip
BASH = {**COMMON, "env": "None", "cwd": "None", "retry_delay": "0:00:02"}


@pytest.mark.parametrize(
    ("dag_id", "task_id", "expected"),
    [
        (
            "contract_bash",
            "first",
            {
                **BASH,
                "bash_command": "echo 'run {{ run_id }}'",
                "downstream_task_ids": "{'second'}",
                "upstream_task_ids": "set()",
            },
        ),
        (
            "contract_bash",
            "second",
            {
                **BASH,
                "env": "{'GREETING': 'hello'}",
                "params": "{'who': 'world'}",
                "downstream_task_ids": "{'third'}",
                "upstream_task_ids": "{'first'}",
            },
        ),
        ("contract_bash", "third", {**BASH, "bash_command": "exit 0", "do_xcom_push": "False"}),
        (
            "contract_pool",
            "heavy",
            {
                **COMMON,
                "pool": "contract_pool",
                "pool_slots": "2",
                "priority_weight": "7",
                "weight_rule": "absolute",
                "execution_timeout": "0:05:00",
                "doc_md": "takes two slots",
            },
        ),
        (
            "contract_pool",
            "last",
            {**COMMON, "email": "ops@example.com", "upstream_task_ids": "{'heavy', 'light'}"},
        ),
        ("contract_conf", "check", {**COMMON, "params": "{'n': 21}"}),
        (
            "contract_lineage",
            "clean",
            {**COMMON, "inlets": "[\"File(url='s3://contract/raw.csv', type_hint=None)\"]"},
        ),
        ("contract_cron", "end", {**COMMON, "upstream_task_ids": "{'start'}"}),
        (
            "contract_manual",
            "one",
            {**COMMON, "template_fields": "[]", "ui_color": "#e8f7e4", "downstream_task_ids": "{'two'}"},
        ),
    ],
)
def test_attributes_are_pythons_texts(dag_id: str, task_id: str, expected: dict[str, str]) -> None:
    attributes = task_of(documents()[dag_id], task_id)["attributes"]
    assert {name: attributes[name] for name in expected} == expected
    assert attributes["task_id"] == task_id


def test_documents_are_json() -> None:
    for document in documents().values():
        assert json.loads(json.dumps(document)) == document


def test_bash_tasks_render_run_and_return_their_last_line() -> None:
    dag, xcoms = contract_dag("contract_bash"), FakeXComs()
    for task_id in ("first", "second", "third"):
        assert run(dag, task_id, xcoms).result is TryResult.SUCCESS
    assert xcoms.value("first") == "run manual__2024-05-06T07:08:09+00:00"
    assert xcoms.value("second") == "hello 2024-05-06 world"
    assert ("third", "return_value") not in xcoms.texts


@pytest.mark.parametrize(
    ("conf", "result", "skipped"),
    [
        ({}, TryResult.SUCCESS, {"right"}),
        ({"branch": "right"}, TryResult.SUCCESS, {"left"}),
        ({"branch": ["left", "right"]}, TryResult.SUCCESS, set()),
        ({"branch": None}, TryResult.SUCCESS, {"left", "right"}),
        ({"branch": []}, TryResult.SUCCESS, {"left", "right"}),
        ({"branch": "nowhere"}, TryResult.FAILED, set()),
        ({"branch": ""}, TryResult.FAILED, set()),
        ({"branch": 3}, TryResult.FAILED, set()),
        ({"branch": ["left", None]}, TryResult.FAILED, set()),
    ],
)
def test_a_branch_skips_what_it_does_not_choose(
    conf: dict[str, Any], result: TryResult, skipped: set[str]
) -> None:
    outcome = run(contract_dag("contract_branch"), "fork", conf=conf)
    assert (outcome.result, {*outcome.skip}) == (result, skipped)


def test_the_other_tasks_of_the_branch_dag_succeed() -> None:
    dag = contract_dag("contract_branch")
    for task_id in ("left", "right", "join_any", "join_all", "cleanup"):
        assert run(dag, task_id).result is TryResult.SUCCESS


@pytest.mark.parametrize(("conf", "read", "doubled"), [({}, 21, 42), ({"n": 4}, 4, 8)])
def test_conf_params_and_xcoms_reach_functions_and_templates(
    conf: dict[str, Any], read: int, doubled: int
) -> None:
    dag, xcoms = contract_dag("contract_conf"), FakeXComs()
    results = [run(dag, task_id, xcoms, conf=conf).result for task_id in ("read", "double", "check")]
    assert results == [TryResult.SUCCESS] * 3
    assert (xcoms.value("read"), xcoms.value("double")) == (read, doubled)
    assert xcoms.value("read", "keys") == sorted(conf)


def test_a_wrong_conf_fails_the_task_that_minds() -> None:
    dag, xcoms = contract_dag("contract_conf"), FakeXComs()
    run(dag, "read", xcoms, conf={"n": "x"})
    outcome = run(dag, "double", xcoms, conf={"n": "x"})
    assert outcome.result is TryResult.FAILED
    assert outcome.reason == "TypeError: n should be an int, got 'x'"


def test_failures_retries_and_skips() -> None:
    dag, xcoms = contract_dag("contract_retry"), FakeXComs()
    assert run(dag, "flaky", xcoms).result is TryResult.FAILED
    assert run(dag, "flaky", xcoms, try_number=2).result is TryResult.SUCCESS
    assert xcoms.value("flaky") == 2
    broken = run(dag, "broken")
    assert broken.result is TryResult.FAILED
    assert broken.reason == (
        "AirflowException: Bash command failed. The command returned a non-zero exit code 3."
    )
    hopeless = run(dag, "hopeless")
    assert hopeless.result is TryResult.FAILED_FOR_GOOD
    assert hopeless.reason == "AirflowFailException: never again"
    assert run(dag, "after_flaky").result is TryResult.SKIPPED
    assert run(dag, "after_broken").result is TryResult.SUCCESS


def test_taskflow_passes_results_on() -> None:
    dag, xcoms = contract_dag("contract_taskflow"), FakeXComs()
    for task_id in ("extract", "transform", "load"):
        assert run(dag, task_id, xcoms).result is TryResult.SUCCESS
    assert (xcoms.value("transform", "total"), xcoms.value("transform", "count")) == (3, 2)
    xcoms.given("transform", 4, key="total")
    assert run(dag, "load", xcoms).reason == "ValueError: (4, 2)"


def test_lineage_is_rendered() -> None:
    dag = contract_dag("contract_lineage")
    prefix = "airflow.lineage.entities.File@version=0"
    outcome = run(dag, "clean")
    assert outcome.inlets == (f"{prefix}(url=s3://contract/raw.csv,type_hint=None)",)
    assert outcome.outlets == (f"{prefix}(url=s3://contract/clean-2024-05-06.csv,type_hint=None)",)
    assert run(dag, "report").inlets == outcome.outlets
    assert run(dag, "plain").outlets == ()
    assert dag.get_task("clean").outlets[0].url == "s3://contract/clean-{{ ds }}.csv"


def test_the_other_contract_tasks_succeed() -> None:
    assert run(contract_dag("contract_slow"), "nap", conf={"seconds": 0}).result is TryResult.SUCCESS
    assert run(contract_dag("contract_manual"), "one").result is TryResult.SUCCESS
    for task_id in ("heavy", "light", "last"):
        assert run(contract_dag("contract_pool"), task_id).result is TryResult.SUCCESS


def test_the_shipped_examples_run() -> None:
    dags, xcoms = load_folder(EXAMPLES).dags, FakeXComs()
    for task_id in ("greet", "shout", "count", "report"):
        assert run(dags["example_hello"], task_id, xcoms, conf={"who": "moon"}).result is TryResult.SUCCESS
    assert xcoms.value("report").endswith(": 9 letters")
    assert run(dags["example_branch"], "fork", conf={"full": True}).skip == {"increment"}
    assert run(dags["example_branch"], "ask", conf={"notify": False}).skip == {"notify"}
    for task_id in ("extract", "summarize", "report"):
        assert run(dags["example_taskflow"], task_id, xcoms).result is TryResult.SUCCESS
    assert xcoms.value("summarize") == {"cheapest": "plums", "total": 4.5}
