"""Setups and teardowns written in every way; beside this file is what Airflow 2.10.5 makes of them."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.decorators import setup, task, teardown
from airflow.decorators.setup_teardown import context_wrapper
from airflow.operators.empty import EmptyOperator
from airflow.utils.task_group import TaskGroup


def a_dag(dag_id):
    return DAG(dag_id, start_date=datetime(2024, 1, 1, tzinfo=UTC), schedule=None)


def empty(task_id):
    return EmptyOperator(task_id=task_id)


with a_dag("nested"), empty("td1").as_teardown(setups=empty("s1")):
    empty("w1") >> empty("w2")
    with empty("td2").as_teardown(setups=empty("s2")):
        empty("w3") >> empty("w4")
        empty("w5")

with (
    a_dag("only_nested"),
    empty("td1").as_teardown(setups=empty("s1")),
    empty("td2").as_teardown(setups=empty("s2")),
):
    empty("w3")

with a_dag("by_setup"):
    s = empty("s").as_setup()
    s >> empty("td").as_teardown()
    with s:
        empty("a") >> empty("b")
        empty("c")

with a_dag("by_arrow"), empty("s").as_setup() >> empty("td").as_teardown():
    empty("a")
    empty("b")

with a_dag("lists"):
    s1, s2 = empty("s1").as_setup(), empty("s2").as_setup()
    td1, td2 = empty("td1").as_teardown(setups=[s1, s2]), empty("td2").as_teardown(setups=s2)
    with context_wrapper([td1, td2]):
        empty("a") >> empty("b")

with a_dag("added"):
    a, b = empty("a"), empty("b")
    with empty("td").as_teardown(setups=empty("s")) as scope:
        scope.add_task(a)
        scope.add_task(b)
        a >> b

with a_dag("work_with_neighbours"):
    before, after = empty("before"), empty("after")
    with empty("td").as_teardown(setups=empty("s")):
        before >> empty("a") >> after

with a_dag("far_from_its_setup"):
    td = empty("td").as_teardown()
    empty("s").as_setup() >> empty("between") >> td
    with td:
        empty("a")

with a_dag("groups"):
    with TaskGroup("g") as g:
        s, w, w2 = empty("s").as_setup(), empty("w"), empty("w2")
        td = empty("td").as_teardown(setups=s)
        s >> w >> td
        td2 = empty("td2").as_teardown(setups=empty("s2"))
        w >> w2
        [td, w2] >> td2
    with TaskGroup("h") as h:
        s = empty("s").as_setup()
        empty("td").as_teardown(setups=s)
    g >> empty("after_g")
    h >> empty("after_h")

with a_dag("flow"):

    @setup
    def make():
        return 1

    @teardown(on_failure_fail_dagrun=True)
    def remove(thing):
        return thing

    @teardown
    def remove_other(thing):
        return thing

    @task
    def work(thing):
        return thing

    @setup
    @task.bash
    def make_by_command():
        return "true"

    made = make()
    work(made) >> remove(made)
    with remove_other(made):
        work.override(task_id="inside")(3)
    last = work.override(task_id="last")(5)
    made_too = make_by_command.override(task_id="made_too")()
    make_by_command() >> work.override(task_id="next")(4)
    work.override(task_id="next_but_one")(4) >> last.as_teardown(
        setups=made_too, on_failure_fail_dagrun=False
    )
