"""What a DAG file may write, and how it is told what it may not; texts as Airflow 2.10.5 gives them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.authoring.exceptions import (
    AirflowDagCycleException,
    AirflowException,
    AirflowTimetableInvalid,
    DuplicateTaskIdFound,
    FailStopDagInvalidTriggerRule,
    TaskNotFound,
)
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.dependencies import Label, chain, cross_downstream
from chalicelib.authoring.model.lineage import File
from chalicelib.authoring.model.rules import TriggerRule
from chalicelib.authoring.model.task_group import TaskGroup
from chalicelib.authoring.operators.bash import BashOperator
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.operators.python import PythonOperator, ShortCircuitOperator
from chalicelib.authoring.taskflow.decorators import dag as dag_decorator
from chalicelib.authoring.taskflow.decorators import task, task_group

START = datetime(2024, 1, 1, tzinfo=UTC)


def a_dag(dag_id: str = "x", **kwargs: Any) -> DAG:
    return DAG(dag_id, **{"schedule": None, "start_date": START, **kwargs})


def empty(task_id: str, **kwargs: Any) -> BaseOperator:
    return EmptyOperator(task_id=task_id, **kwargs)


def edges(dag: DAG) -> dict[str, list[str]]:
    return {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: BashOperator(task_id="a", bash_command="x", foo=1),
            AirflowException,
            "Invalid arguments were passed to BashOperator (task_id: a). "
            "Invalid arguments were:\n**kwargs: {'foo': 1}",
        ),
        (
            lambda: BashOperator(task_id="a"),  # type: ignore[call-arg]  # that is tested
            AirflowException,
            "missing keyword argument 'bash_command'",
        ),
        (lambda: EmptyOperator("a"), AirflowException, "Use keyword arguments when initializing operators"),
        (
            lambda: empty("a b"),
            AirflowException,
            "The key 'a b' has to be made of alphanumeric characters, dashes, dots and underscores "
            "exclusively",
        ),
        (lambda: empty("a" * 251), AirflowException, "The key has to be less than 250 characters"),
        (lambda: empty(3), TypeError, "The key has to be a string and is <class 'int'>:3"),  # type: ignore[arg-type]  # that is tested
        (lambda: a_dag("a b"), AirflowException, "The key 'a b' has to be made of"),
        (lambda: empty("a", retries="x"), AirflowException, "'retries' type must be int, not str"),
        (lambda: empty("a", retry_delay="x"), TypeError, "unsupported type for timedelta"),
        (lambda: empty("a", execution_timeout=5), ValueError, "execution_timeout must be timedelta object"),
        (lambda: empty("a", pool_slots=0), ValueError, "pool slots for a cannot be less than 1"),
        (
            lambda: empty("a", priority_weight="x"),
            AirflowException,
            "`priority_weight` for task 'a' only accepts integers, received '<class 'str'>'.",
        ),
        (lambda: empty("a", trigger_rule="x"), AirflowException, "The trigger_rule must be one of all_done"),
        (lambda: empty("a", weight_rule="x"), AirflowException, "The weight_rule must be one of absolute"),
        (
            lambda: PythonOperator(task_id="a", python_callable=3),  # type: ignore[arg-type]  # that is tested
            AirflowException,
            "`python_callable` param must be callable",
        ),
        (lambda: empty("a", inlets=[3]), AirflowException, "inlets have to be lineage entities"),
        (lambda: DAG("x", foo=1), TypeError, "DAG.__init__() got an unexpected keyword argument 'foo'"),  # type: ignore[call-arg]  # that is tested
        (lambda: a_dag(schedule=3), ValueError, "3 is not a valid schedule_interval."),
        (
            lambda: DAG("x", schedule=None, schedule_interval="@daily"),
            ValueError,
            "At most one allowed for args 'schedule_interval', 'timetable', and 'schedule'.",
        ),
        (lambda: a_dag(schedule=object()), ValueError, "<object object at 0x"),
        (lambda: a_dag(schedule=[object()]), ValueError, "All elements in 'schedule' should be datasets"),
        (lambda: DAG("x", timetable=7), ValueError, "7 is not a valid schedule_interval."),
        (
            lambda: a_dag(schedule="@continuous"),
            AirflowException,
            "Invalid max_active_runs: <class 'airflow.timetables.simple.ContinuousTimetable'> requires "
            "max_active_runs <= 1",
        ),
        (lambda: a_dag(start_date="2024-01-01"), TypeError, "a date in a DAG has to be a datetime"),
        (
            lambda: a_dag(start_date=None, default_args={"start_date": "one day"}),
            ValueError,
            "Invalid date string: one day",
        ),
        (
            lambda: empty("a") >> empty("b"),
            AirflowException,
            "Tried to create relationships between tasks that don't have DAGs yet. Set the DAG for at least "
            "one task and try again: [<Task(EmptyOperator): a>, <Task(EmptyOperator): b>]",
        ),
        (
            lambda: empty("a", dag=a_dag("x")) >> empty("b", dag=a_dag("y")),
            AirflowException,
            "Tried to set relationships between tasks in more than one DAG: [<DAG: x>, <DAG: y>]",
        ),
        (lambda: empty("a", dag=a_dag()) >> 3, AirflowException, "Relationships can only be set between"),
        (lambda: a_dag().get_task("zz"), TaskNotFound, "Task zz not found"),
        (lambda: empty("a").dag, AirflowException, "Operator <Task(EmptyOperator): a> has not been assigned"),
        (lambda: TaskGroup("g"), AirflowException, "TaskGroup can only be used inside a dag"),
        (
            lambda: a_dag(max_consecutive_failed_dag_runs=-1),
            AirflowException,
            "Invalid max_consecutive_failed_dag_runs: -1.Requires max_consecutive_failed_dag_runs >= 0",
        ),
    ],
)
def test_mistakes_are_named(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        make()
    assert str(raised.value).startswith(text)


def test_after_how_many_failures_a_dag_is_paused_is_said_by_its_file_or_else_by_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "max_consecutive_failed_dag_runs"
    assert name not in serialize(a_dag(), "x.py")
    monkeypatch.setenv("AIRFLOW__CORE__MAX_CONSECUTIVE_FAILED_DAG_RUNS_PER_DAG", "4")
    assert serialize(a_dag(), "x.py")[name] == 4
    assert serialize(a_dag(max_consecutive_failed_dag_runs=2), "x.py")[name] == 2


@pytest.mark.parametrize("arguments", [{"fail_stop": True}, {"fail_fast": True}])
def test_a_dag_that_stops_at_a_failure_takes_only_the_usual_rule_and_that_of_teardowns(
    arguments: dict[str, Any],
) -> None:
    with DAG("x", schedule=None, **arguments) as dag:
        empty("last").as_teardown(setups=empty("first"))
        with pytest.raises(FailStopDagInvalidTriggerRule, match="'fail-stop' dag can only have all_success"):
            empty("a", trigger_rule="all_done")
    assert serialize(dag, "x.py")["fail_stop"] is True
    dag.get_task("first").trigger_rule = TriggerRule.ALWAYS
    with pytest.raises(FailStopDagInvalidTriggerRule):
        dag.validate()


def test_task_ids_are_unique_in_a_dag() -> None:
    with a_dag():
        empty("a")
        with pytest.raises(DuplicateTaskIdFound, match="Task id 'a' has already been added to the DAG"):
            empty("a")


def test_cycles_are_found() -> None:
    with a_dag() as dag:
        chain(empty("before"), first := empty("first"), second := empty("second"), empty("after"))
        second >> first
    with pytest.raises(AirflowDagCycleException, match=r"^Cycle detected in DAG: x\. Faulty task: second$"):
        dag.validate()


def test_a_task_that_follows_itself_is_a_cycle() -> None:
    with a_dag() as dag:
        task = empty("a")
        task >> task
    with pytest.raises(AirflowDagCycleException):
        dag.topological_sort()


def test_default_args_reach_every_constructor_and_are_overridden() -> None:
    class Copy(BashOperator):
        def __init__(self, *, source: str, target: str = "there", **kwargs: Any) -> None:
            super().__init__(bash_command=f"cp {source} {target}", **kwargs)
            self.source = source

    defaults = {
        "owner": "me",
        "retries": 3,
        "source": "here",
        "cwd": "/",
        "unheard_of": 1,
        "params": {"a": 1},
    }
    with a_dag(default_args=defaults, params={"a": 0, "b": 0}):
        made = Copy(task_id="a", retries=1, params={"c": 2})  # type: ignore[call-arg]  # a default gives it
        with TaskGroup("g", default_args={"owner": "group", "target": "elsewhere"}):
            inner = Copy(task_id="b", default_args={"source": "nearby"})  # type: ignore[call-arg]  # likewise
    assert (made.bash_command, made.owner, made.retries, made.cwd) == ("cp here there", "me", 1, "/")
    assert str(made.params) == "{'a': 1, 'b': 0, 'c': 2}"
    assert (inner.bash_command, inner.owner) == ("cp nearby elsewhere", "group")


def test_dates_are_kept_in_utc_and_bounded_by_the_dag() -> None:
    paris = ZoneInfo("Europe/Paris")
    with a_dag(start_date=datetime(2024, 1, 1, tzinfo=paris), end_date=datetime(2025, 1, 1)) as dag:  # noqa: DTZ001 - naive on purpose
        early = empty("early", start_date=datetime(2020, 1, 1, tzinfo=UTC))
        late = empty("late", start_date=datetime(2024, 5, 1), end_date=datetime(2026, 1, 1))  # noqa: DTZ001 - as above
    assert dag.timezone == "Europe/Paris"
    assert early.start_date == dag.start_date == datetime(2023, 12, 31, 23, tzinfo=UTC)
    assert late.start_date == datetime(2024, 5, 1, tzinfo=UTC)
    assert late.end_date == datetime(2025, 1, 1, tzinfo=UTC)
    assert a_dag(start_date=datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2)))).timezone == "+02:00"


def test_the_schedule_of_a_dag_that_gives_none_is_daily() -> None:
    dag = DAG("x", start_date=START)
    document = serialize(dag, "x.py")
    assert (document["schedule"], document["catchup"]) == (86400, True)
    assert serialize(DAG("x", schedule_interval="@hourly"), "x.py")["schedule"] == "@hourly"
    assert serialize(a_dag(schedule=timedelta(seconds=1.5)), "x.py")["schedule"] == 1.5


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        ("61 * * * *", r"Invalid timetable expression: \[61 \* \* \* \*\] is not acceptable, out of range"),
        (timedelta(0), "schedule interval must be positive"),
    ],
)
def test_a_schedule_that_plans_nothing_is_refused(schedule: Any, text: str) -> None:
    with pytest.raises(AirflowTimetableInvalid, match=text):
        a_dag(schedule=schedule).validate()
    a_dag(schedule="@continuous", max_active_runs=1).validate()


def test_a_naive_start_date_leaves_the_zone_to_the_default_arguments() -> None:
    paris = datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Paris"))
    naive = datetime(2024, 1, 1)  # noqa: DTZ001 - on purpose
    dag = a_dag(start_date=naive, default_args={"start_date": paris})
    assert (dag.timezone, dag.planning.start_date) == ("Europe/Paris", datetime(2024, 1, 1, tzinfo=UTC))


def test_a_dag_goes_on_until_the_last_of_its_tasks_ends() -> None:
    end = datetime(2024, 5, 1, tzinfo=UTC)
    with a_dag(schedule="@daily", default_args={"end_date": end}) as dag:
        empty("a")
        empty("b", end_date=end + timedelta(days=9))
    assert dag.planning.end_date == end + timedelta(days=9)


def test_the_earliest_task_starts_a_dag_without_a_start_date() -> None:
    with DAG("x", schedule="@daily") as dag:
        empty("a", start_date=datetime(2024, 3, 1, tzinfo=UTC), end_date=datetime(2024, 4, 1, tzinfo=UTC))
        empty("b", start_date=datetime(2024, 2, 1, tzinfo=UTC))
    document = serialize(dag, "x.py")
    assert (document["start_date"], document["end_date"]) == ("2024-02-01T00:00:00+00:00", None)
    assert document["default_start_date"] is None


def test_shifts_lists_labels_and_chains() -> None:
    with a_dag() as dag:
        a, b, c, d, e, f = (empty(name) for name in "abcdef")
        a >> [b, c] >> d
        e << d
        d >> Label("when it rains") >> f
    assert edges(dag) == {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["e", "f"], "e": [], "f": []}
    assert dag.get_edge_info("d", "f") == {"label": "when it rains"}
    assert dag.get_edge_info("d", "e") == {}
    with a_dag() as dag:
        chain(empty("a"), [empty("b"), empty("c")], [empty("d"), empty("e")], empty("f"))
        cross_downstream([empty("g"), empty("h")], [empty("i"), empty("j")])
    assert edges(dag) == {
        "a": ["b", "c"], "b": ["d"], "c": ["e"], "d": ["f"], "e": ["f"], "f": [],
        "g": ["i", "j"], "h": ["i", "j"], "i": [], "j": [],
    }  # fmt: skip


def test_a_task_joins_the_dag_of_its_neighbour() -> None:
    dag = a_dag()
    first = empty("a", dag=dag)
    first >> empty("b")
    assert dag.task_ids == ["a", "b"]


def test_groups_prefix_ids_and_are_ordered_as_one() -> None:
    with a_dag() as dag:
        with TaskGroup("g") as group:
            empty("a") >> empty("b")
            with TaskGroup("h"):
                empty("c")
        with TaskGroup("n", prefix_group_id=False):
            empty("z")
        empty("start") >> group >> empty("end")
    assert edges(dag) == {
        "g.a": ["g.b"], "g.b": ["end"], "g.h.c": ["end"], "z": [],
        "start": ["g.a", "g.h.c"], "end": [],
    }  # fmt: skip


def test_group_ids_are_unique_in_a_dag() -> None:
    with a_dag():
        with TaskGroup("g"):
            pass
        with pytest.raises(DuplicateTaskIdFound, match="group_id 'g' has already been added to the DAG"):
            TaskGroup("g")


def test_taskflow_ids_groups_and_overrides() -> None:
    @task
    def double(n: int) -> int:
        return 2 * n

    @task_group
    def twice(n: Any) -> Any:
        return double(double(n))

    @dag_decorator(schedule=None)  # type: ignore[untyped-decorator]  # Any: with arguments or without
    def flow() -> None:
        """Doubles."""
        out = twice(1)
        twice(out)
        double.override(task_id="again", retries=4)(out)

    dag = flow()
    assert dag.doc_md == "Doubles."
    assert edges(dag) == {
        "twice.double": ["twice.double__1"],
        "twice.double__1": ["again", "twice__1.double"],
        "twice__1.double": ["twice__1.double__1"],
        "twice__1.double__1": [],
        "again": [],
    }
    assert dag.get_task("again").retries == 4


def test_taskflow_calls_are_checked_when_the_file_is_loaded() -> None:
    @task
    def wants(a: int, ti: Any = None) -> None: ...

    @task
    def wrong_default(ti: Any = 3) -> None: ...

    with a_dag():
        with pytest.raises(TypeError, match="missing a required argument: 'a'"):
            wants()
        with pytest.raises(ValueError, match="Context key parameter ti can't have a default other than None"):
            wrong_default()
        wants(a=1)
    with pytest.raises(AttributeError, match=r"Updraft does not offer @task\.docker"):
        task.docker(print)


def test_a_mapping_as_return_annotation_means_multiple_outputs() -> None:
    @task
    def one() -> dict[str, int]:
        return {}

    @task
    def other() -> list[int]:
        return []

    @task(multiple_outputs=False)  # type: ignore[untyped-decorator]  # Any: with arguments or without
    def said() -> dict[str, int]:
        return {}

    with a_dag():
        assert [each().operator.multiple_outputs for each in (one, other, said)] == [True, False, False]


def test_outputs_in_arguments_make_dependencies() -> None:
    with a_dag() as dag:
        first, second = empty("first"), empty("second")
        of_two: dict[str, Any] = {"A": first.output, "B": second.output["key"]}
        BashOperator(task_id="third", bash_command="echo", env=of_two)
        late = BashOperator(task_id="fourth", bash_command="echo")
        of_one: dict[str, Any] = {"A": first.output}
        late.env = of_one
        PythonOperator(task_id="fifth", python_callable=print, op_args=[[first.output]])
    assert edges(dag)["first"] == ["fifth", "fourth", "third"]
    assert edges(dag)["second"] == ["third"]
    assert str(first.output["k"]) == "{{ task_instance.xcom_pull(task_ids='first', dag_id='x', key='k') }}"
    assert repr(second.output) == "XComArg(<Task(EmptyOperator): second>)"
    with pytest.raises(TypeError, match="'XComArg' object is not iterable"):
        list(first.output)


def test_old_spellings_mean_what_they_meant() -> None:
    with a_dag(concurrency=4) as dag:
        old = empty("a", trigger_rule="dummy", task_concurrency=2, wait_for_downstream=True)
        PythonOperator(task_id="b", python_callable=print, provide_context=True)
    assert (old.trigger_rule, old.max_active_tis_per_dag, old.depends_on_past) == ("always", 2, True)
    assert dag.max_active_tasks == 4


def test_weight_rules_add_up() -> None:
    with a_dag() as dag:
        chain(
            empty("a", priority_weight=1),
            empty("b", priority_weight=10, weight_rule="upstream"),
            empty("c", priority_weight=100),
            empty("d", priority_weight=1000, weight_rule="absolute"),
        )
    assert [task.priority_weight_total for task in dag.tasks] == [1111, 11, 1100, 1000]


def test_tasks_come_in_topological_order() -> None:
    with a_dag() as dag:
        last, middle, first = empty("a"), empty("b"), empty("c")
        first >> middle >> last
    assert [task["task_id"] for task in serialize(dag, "x.py")["tasks"]] == ["c", "b", "a"]


def test_what_the_scheduler_can_complete_itself() -> None:
    with a_dag() as dag:
        empty("plain")
        empty("with_inlets", inlets=[File("s3://a/b")])
        empty("with_outlets", outlets=File("s3://a/b"))
        empty("with_callback", on_success_callback=print)
        PythonOperator(task_id="work", python_callable=print)
        ShortCircuitOperator(task_id="short", python_callable=bool)
        ShortCircuitOperator(task_id="near", python_callable=bool, ignore_downstream_trigger_rules=False)
    tasks = {task["task_id"]: task for task in serialize(dag, "x.py")["tasks"]}
    assert [name for name, task in tasks.items() if task["is_empty"]] == ["plain", "with_inlets"]
    assert {name: task["may_skip"] for name, task in tasks.items() if task["may_skip"] != "none"} == {
        "short": "all",
        "near": "direct",
    }


def test_texts_of_attributes_do_not_depend_on_memory() -> None:
    with a_dag() as dag:
        PythonOperator(
            task_id="a",
            python_callable=print,
            op_args=[print, lambda: None, {"b", "a"}, (1,)],
            op_kwargs={"o": object()},
            executor_config={"z": {3, 1, 2}},
        )
    (document,) = serialize(dag, "x.py")["tasks"]
    name = "test_texts_of_attributes_do_not_depend_on_memory"
    assert document["attributes"]["op_args"] == (
        f"[<built-in function print>, <function {name}.<locals>.<lambda>>, {{'a', 'b'}}, (1,)]"
    )
    assert document["attributes"]["op_kwargs"] == "{'o': <object object>}"
    assert document["attributes"]["executor_config"] == "{'z': {1, 2, 3}}"


def test_attributes_of_the_users_operators_are_not_told_unless_templated() -> None:
    class Login(BaseOperator):
        template_fields = ("host",)

        def __init__(self, *, host: str, password: str, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.host, self.password = host, password

    with a_dag() as dag:
        Login(task_id="a", host="h", password="hidden")
    (document,) = serialize(dag, "x.py")["tasks"]
    assert document["operator"] == "Login"
    assert document["attributes"]["host"] == "h"
    assert "hidden" not in str(document)


def test_templated_values_are_told_as_airflow_keeps_them() -> None:
    with a_dag() as dag:
        PythonOperator(task_id="a", python_callable=print)
        PythonOperator(task_id="b", python_callable=print, op_args=(1, ("x",)), op_kwargs={"k": (2,)})
    told = [task["attributes"] for task in serialize(dag, "x.py")["tasks"]]
    assert [(each["op_args"], each["op_kwargs"]) for each in told] == [
        ("[]", "{}"),
        ("[1, ['x']]", "{'k': [2]}"),
    ]
    assert (told[0]["start_from_trigger"], told[0]["start_trigger_args"]) == ("False", "None")


def test_retries_may_be_a_text_as_in_airflow() -> None:
    assert [empty("a", retries=value).retries for value in ("3", None, 2)] == [3, 0, 2]


def test_dates_in_default_args_may_be_texts() -> None:
    paris = {"start_date": "2024-01-01T00:00:00+01:00", "end_date": datetime(2024, 6, 1, tzinfo=UTC)}
    with DAG("x", schedule="@daily", default_args=paris) as dag:
        empty("a")
    assert dag.planning.start_date == datetime(2023, 12, 31, 23, tzinfo=UTC)
    assert dag.planning.end_date == datetime(2024, 6, 1, tzinfo=UTC)
    with DAG("y", schedule=None, default_args={"start_date": "2021-03-01", "end_date": "2021-04-01"}):
        task = empty("a")
    assert task.start_date == datetime(2021, 3, 1, tzinfo=UTC)
    assert task.end_date == datetime(2021, 4, 1, tzinfo=UTC)


def test_the_tasks_beside_a_task_may_be_asked_for() -> None:
    with a_dag():
        one, two = empty("one"), empty("two")
        one >> two
    assert one.get_direct_relatives() == [two]
    assert two.get_direct_relatives(upstream=True) == [one]


@pytest.mark.parametrize("given", [{}, {"doc_md": None}, {"doc_md": ""}])
def test_a_docstring_is_the_documentation_unless_another_is_given(given: dict[str, Any]) -> None:
    @dag_decorator(schedule=None, **given)  # type: ignore[untyped-decorator]  # as above
    def documented() -> None:
        """Of the DAG."""

        @task
        def plain() -> None:
            """Of the task."""

        @task(doc="Another.")  # type: ignore[untyped-decorator]  # as above
        def other() -> None:
            """Of the function."""

        plain()
        other()

    made = documented()
    assert made.doc_md == "Of the DAG."
    assert (made.get_task("plain").doc_md, made.get_task("other").doc_md) == ("Of the task.", None)


def test_a_documentation_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "about.md").write_text("# About")
    assert a_dag(doc_md=str(tmp_path / "about.md")).doc_md == "# About"
    assert a_dag(doc_md="gone.md").doc_md == "gone.md"


@pytest.mark.parametrize(
    ("schedule", "kind", "summary", "can_be_scheduled"),
    [
        (None, "NullTimetable", "None", False),
        ("@once", "OnceTimetable", "@once", True),
        ("@continuous", "ContinuousTimetable", "@continuous", True),
        ("@daily", "CronDataIntervalTimetable", "0 0 * * *", True),
        ("0 3 * * 1", "CronDataIntervalTimetable", "0 3 * * 1", True),
        (timedelta(days=2, hours=3), "DeltaDataIntervalTimetable", "2 days, 3:00:00", True),
    ],
)
def test_a_dag_has_the_timetable_of_its_schedule(
    schedule: Any, kind: str, summary: str, can_be_scheduled: bool
) -> None:
    timetable = DAG("d", schedule=schedule, start_date=START, max_active_runs=1).timetable
    assert (type(timetable).__name__, timetable.summary) == (kind, summary)
    assert timetable.can_be_scheduled is can_be_scheduled
