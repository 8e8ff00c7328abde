"""DAGs of random shape with mapped tasks, one for each entry of scripted_dags.json beside this file."""
import json
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path

from airflow import DAG
from airflow.decorators import task_group
from airflow.exceptions import AirflowException, AirflowSkipException
from airflow.models.baseoperator import BaseOperator
from airflow.operators.branch import BaseBranchOperator
from airflow.operators.python import ShortCircuitOperator
from airflow.utils.task_group import TaskGroup


def of_index(script, key, index, otherwise):
    """What a script says of a map index."""
    each = script.get(key, [])
    return each[index] if 0 <= index < len(each) else otherwise


def act(script, ti):
    """Do what the script says of this instance: ok, fail, skip or flaky (fails once)."""
    word = of_index(script, "by_index", ti.map_index, script["do"])
    if word == "fail" or (word == "flaky" and ti.try_number < 2):
        raise AirflowException(word)
    if word == "skip":
        raise AirflowSkipException(word)
    return word


def proceeds(script, ti):
    return act(script, ti) != "short"


class Work(BaseOperator):
    def __init__(self, script, x=None, y=None, **kwargs):
        super().__init__(**kwargs)
        self.script, self.x, self.y = script, x, y

    def execute(self, context):
        word = act(self.script, context["ti"])
        return list(range(self.script["returns"])) if "returns" in self.script else word


class Branch(BaseBranchOperator):
    def __init__(self, script, x=None, y=None, **kwargs):
        super().__init__(**kwargs)
        self.script, self.x, self.y = script, x, y

    def choose_branch(self, context):
        act(self.script, context["ti"])
        return of_index(self.script, "choices", context["ti"].map_index, self.script["follow"])


class Short(ShortCircuitOperator):
    def __init__(self, script, x=None, y=None, **kwargs):
        super().__init__(python_callable=proceeds, op_args=[script], **kwargs)
        self.x, self.y = x, y


OPERATORS = {"work": Work, "branch": Branch, "short": Short}


class Builder:
    def __init__(self):
        self.made, self.plain_groups = {}, {}

    def build(self, tasks, depth=0):
        """Tasks of one mapped group stand side by side."""

        def group_of(task):
            groups = task.get("groups", [])
            return groups[depth] if len(groups) > depth else None

        for group, inside in groupby(tasks, group_of):
            if group is None:
                for task in inside:
                    self.add(task)
            else:
                self.expand(*group, list(inside), depth)

    def expand(self, group_id, length, inside, depth):
        @task_group(group_id=group_id, prefix_group_id=False)
        def body(x=None, y=None):
            self.build(inside, depth + 1)

        body.expand(**self.arguments(length))

    def add(self, task):
        if task.get("is_direct", True):
            self.create(task)
            return
        name = f"{task['groups'][-1][0]}_plain"
        if name not in self.plain_groups:
            self.plain_groups[name] = TaskGroup(name, prefix_group_id=False)
        with self.plain_groups[name]:
            self.create(task)

    def create(self, task):
        operator = OPERATORS[task.get("kind", "work")]
        common = {"task_id": task["id"], "retries": task.get("retries", 0), "script": task}
        if task.get("role") != "teardown":
            common["trigger_rule"] = task["rule"]
        if task.get("gently"):
            common["ignore_downstream_trigger_rules"] = False
        if "own" in task:
            made = operator.partial(**common).expand(**self.arguments(task["own"]))
        else:
            made = operator(**common)
        if task.get("role") == "setup":
            made.as_setup()
        for upstream in task["up"]:
            self.made[upstream] >> made
        if task.get("role") == "teardown":
            setups = [self.made[name] for name in task["of"]]
            made.as_teardown(setups=setups, on_failure_fail_dagrun=task.get("fails_run", False))
        self.made[task["id"]] = made

    def arguments(self, length):
        parts = length.get("product", [length])
        return dict(zip("xy", map(self.value, parts)))

    def value(self, length):
        if "literal" in length:
            return list(range(length["literal"]))
        if "output" in length:
            return self.made[length["output"]].output
        first, *others = (self.value(part) for part in length.get("zip") or length["concat"])
        if "concat" in length:
            return first.concat(*others)
        return first.zip(*others, fillvalue=0) if length["longest"] else first.zip(*others)


def build(spec):
    with DAG(
        dag_id=spec["dag_id"],
        schedule=None,
        start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        default_args={"retries": 0, "retry_delay": timedelta(seconds=0)},
    ) as dag:
        Builder().build(spec["tasks"])
    return dag


for spec in json.loads(Path(__file__).with_suffix(".json").read_text()):
    globals()[spec["dag_id"]] = build(spec)
