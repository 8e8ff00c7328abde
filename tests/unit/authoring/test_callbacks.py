"""Calling the user back: what Airflow's context holds after an end, and what callbacks cannot break."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.exceptions import AirflowException, AirflowFailException, AirflowSensorTimeout
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.mapped_operator import MappedOperator
from chalicelib.authoring.model.params import Param
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.authoring.running.callbacks import run_callbacks
from chalicelib.authoring.running.kept_exceptions import exception_of, kept_of
from chalicelib.authoring.surroundings.secrets_masker import mask_secret
from chalicelib.domain.graph.callbacks import (
    CallbackKind,
    CallbackRequest,
    EndedInstance,
    kind_after_run,
    kind_after_try,
)
from chalicelib.domain.states import DagRunState, TaskInstanceState
from tests.unit.authoring.running import STARTED, FakeXComs, request_for

ENDED = STARTED + timedelta(seconds=5)


def a_dag(**kwargs: Any) -> DAG:
    return DAG("x", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), **kwargs)


class Notes:
    """A callback that keeps its contexts; an object of the user's, without a name of its own."""

    def __init__(self) -> None:
        self.contexts: list[dict[str, Any]] = []

    def __call__(self, context: dict[str, Any]) -> None:
        self.contexts.append(context)


def raising(error: BaseException) -> Callable[[Any], None]:
    def callback(_: Any) -> None:
        raise error

    return callback


def ended(dag: DAG, task_id: str, state: TaskInstanceState | None, **changes: Any) -> EndedInstance:
    return EndedInstance(
        request=request_for(dag, task_id, **changes),
        state=state,
        start_date=STARTED if state else None,
        end_date=ENDED if state else None,
        duration=5.0 if state else None,
    )


def call_back(
    dag: DAG,
    kind: CallbackKind,
    *instances: EndedInstance,
    of_dag: bool = False,
    reason: str = "",
    xcoms: FakeXComs | None = None,
) -> None:
    request = CallbackRequest(
        dag_id=dag.dag_id,
        fileloc="x.py",
        kind=kind,
        of_dag=of_dag,
        reason=reason,
        run_state=DagRunState.FAILED if of_dag else DagRunState.RUNNING,
        run_end_date=ENDED if of_dag else None,
        instances=instances,
    )
    run_callbacks(dag, request, xcoms or FakeXComs())


def task_with(callbacks: Any, kind: CallbackKind = CallbackKind.FAILURE) -> BaseOperator:
    with a_dag():
        return EmptyOperator(task_id="a", **{str(kind): callbacks})


def test_a_failed_try_is_seen_as_it_ended_with_what_was_kept_of_its_exception() -> None:
    notes = Notes()
    dag = task_with(notes).dag
    end = ended(dag, "a", TaskInstanceState.FAILED, try_number=2, max_tries=1)
    call_back(dag, CallbackKind.FAILURE, end, reason="ValueError: bad")
    (context,) = notes.contexts
    ti = context["ti"]
    assert (ti.task_id, ti.try_number, ti.state, ti.duration) == ("a", 2, "failed", 5.0)
    assert (ti.start_date, ti.end_date) == (STARTED, ENDED)
    assert (context["dag_run"].state, context["dag_run"].end_date) == ("running", None)
    assert (type(context["exception"]), str(context["exception"])) == (ValueError, "bad")
    assert context["ds"] == "2024-05-06"
    assert "reason" not in context
    assert context["dag_run"].get_task_instances() == []


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (CallbackKind.SUCCESS, TaskInstanceState.SUCCESS),
        (CallbackKind.SKIPPED, TaskInstanceState.SKIPPED),
        (CallbackKind.RETRY, TaskInstanceState.UP_FOR_RETRY),
    ],
)
def test_each_kind_has_its_callbacks(kind: CallbackKind, state: TaskInstanceState) -> None:
    notes = Notes()
    dag = task_with(notes, kind).dag
    call_back(dag, kind, ended(dag, "a", state), reason="why")
    (context,) = notes.contexts
    assert context["task_instance"].state is state
    assert ("exception" in context) == (kind is CallbackKind.RETRY)


def test_a_skip_is_told_to_the_callbacks_of_success_too() -> None:
    called: list[str] = []
    with a_dag():
        task = EmptyOperator(
            task_id="a",
            on_success_callback=lambda context: called.append(f"success {context['ti'].state}"),
            on_skipped_callback=lambda context: called.append(f"skipped {context['ti'].state}"),
        )
    call_back(task.dag, CallbackKind.SKIPPED, ended(task.dag, "a", TaskInstanceState.SKIPPED))
    assert called == ["skipped skipped", "success skipped"]


class OfTheUsers(Exception):
    """One whose constructor takes other arguments than its text."""

    def __init__(self, code: int, place: str) -> None:
        super().__init__(f"{code} at {place}")


class WithOwnText(Exception):
    """One whose text is not its argument."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __str__(self) -> str:
        return f"at {self.place}"


@pytest.mark.parametrize(
    "error",
    [
        AirflowFailException("no"),
        AirflowSensorTimeout("Sensor has timed out"),
        KeyError("day"),
        OSError(2, "No such file"),
        ValueError(),
        ValueError("a: b"),
        ZeroDivisionError("division by zero"),
        SystemExit(3),
        OfTheUsers(5, "home"),
    ],
)
def test_an_exception_is_made_again_of_its_reason(error: BaseException) -> None:
    made = exception_of(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    assert (type(made), str(made)) == (type(error), str(error))


@pytest.mark.parametrize(
    "reason", ["its process was killed by SIGKILL", "NeverHeardOf: x", "WithOwnText: at home", ""]
)
def test_a_reason_that_tells_of_no_exception_is_the_text_of_airflows(reason: str) -> None:
    made = exception_of(reason)
    assert (type(made), str(made)) == (AirflowException, reason)


class OfTheUsersLibrary(Exception):
    def __init__(self, status: int, *, hint: str) -> None:
        super().__init__("an error")
        self.status, self.hint, self.lock = status, hint, object()

    def __str__(self) -> str:
        return f"status {self.status}\n{self.hint}"


def test_a_kept_exception_has_its_class_its_whole_text_and_its_plain_attributes() -> None:
    made = exception_of("whatever", kept_of(OfTheUsersLibrary(5, hint="try again")))
    assert isinstance(made, OfTheUsersLibrary)
    assert (type(made).__module__, type(made).__qualname__) == (__name__, "OfTheUsersLibrary")
    assert str(made) == "status 5\ntry again"
    assert (made.status, hasattr(made, "lock")) == (5, False)


def test_a_kept_exception_of_a_class_that_is_made_as_it_goes_is_one_of_its_bases() -> None:
    kind = type("NoSuchBucket", (OSError,), {"__module__": "library.errorfactory"})
    made = exception_of("whatever", kept_of(kind("An error\noccurred")))
    assert isinstance(made, OSError)
    assert f"{type(made).__module__}.{type(made).__qualname__}" == "library.errorfactory.NoSuchBucket"
    assert str(made) == "An error\noccurred"


@pytest.mark.parametrize("error", [AirflowException("a\nb"), KeyError("day"), ValueError()])
def test_a_kept_exception_of_airflow_or_python_is_of_the_same_class(error: BaseException) -> None:
    with finder.importable():
        made = exception_of("whatever", kept_of(error))
    assert (type(made), made.args, str(made)) == (type(error), error.args, str(error))


def test_secrets_are_masked_in_what_is_kept() -> None:
    mask_secret("hunter2-of-all")
    kept = kept_of(OfTheUsersLibrary(5, hint="hunter2-of-all"))
    assert "hunter2" not in kept


@pytest.mark.parametrize("error", [ValueError("oh no"), SystemExit(1)])
def test_each_callback_of_a_list_is_called_on_its_own(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes()
    dag = task_with([raising(error), notes]).dag
    with caplog.at_level(logging.INFO):
        call_back(dag, CallbackKind.FAILURE, ended(dag, "a", TaskInstanceState.FAILED))
    assert len(notes.contexts) == 1
    assert [record.message for record in caplog.records] == [
        "Executing callback callback",
        "Error when executing callback callback",
        "Executing callback Notes",
    ]
    assert caplog.records[1].exc_info is not None


def test_a_callback_reads_and_writes_xcoms() -> None:
    xcoms = FakeXComs(running="a")
    xcoms.given("a", [1, 2])

    def note(context: Any) -> None:
        context["ti"].xcom_push("seen", sum(context["ti"].xcom_pull("a")))

    dag = task_with(note).dag
    call_back(dag, CallbackKind.FAILURE, ended(dag, "a", TaskInstanceState.FAILED), xcoms=xcoms)
    assert xcoms.value("a", "seen") == 3


def test_a_task_that_failed_by_its_params_still_calls_back() -> None:
    notes = Notes()
    with a_dag(params={"size": Param("big", type="integer")}) as dag:
        EmptyOperator(task_id="a", on_failure_callback=notes)
    call_back(dag, CallbackKind.FAILURE, ended(dag, "a", TaskInstanceState.FAILED))
    assert notes.contexts[0]["params"] == {"size": None}


def test_the_dag_s_callbacks_get_the_last_task_instance_the_reason_and_all_of_the_run() -> None:
    notes = Notes()
    with a_dag(on_failure_callback=[raising(KeyError("x")), notes]) as dag:
        EmptyOperator(task_id="a") >> EmptyOperator(task_id="b") >> EmptyOperator(task_id="c")
    call_back(
        dag,
        CallbackKind.FAILURE,
        ended(dag, "a", TaskInstanceState.FAILED),
        ended(dag, "gone", TaskInstanceState.SUCCESS),
        ended(dag, "b", TaskInstanceState.UPSTREAM_FAILED),
        ended(dag, "c", None),
        of_dag=True,
        reason="task_failure",
    )
    (context,) = notes.contexts
    assert (context["ti"].task_id, context["ti"].state, context["reason"]) == ("c", None, "task_failure")
    assert "exception" not in context
    dag_run = context["dag_run"]
    assert (dag_run.state, dag_run.end_date) == ("failed", ENDED)
    assert [ti.task_id for ti in dag_run.get_task_instances()] == ["a", "b", "c"]
    assert [ti.task_id for ti in dag_run.get_task_instances(state="failed")] == ["a"]
    assert [ti.task_id for ti in dag_run.get_task_instances(state=["failed", None])] == ["a", "c"]
    assert dag_run.get_task_instance("b").state == "upstream_failed"
    assert dag_run.get_task_instance("gone") is None


def test_a_task_that_is_deployed_no_more_is_not_called_back(caplog: pytest.LogCaptureFixture) -> None:
    dag = task_with(raising(AssertionError())).dag
    call_back(dag, CallbackKind.FAILURE, ended(dag, "gone", TaskInstanceState.FAILED))
    assert "the deployed DAG x has no such task" in caplog.text


def test_callbacks_that_the_deployed_file_has_no_more_are_nothing_to_call() -> None:
    dag = task_with(None).dag
    call_back(dag, CallbackKind.FAILURE, ended(dag, "a", TaskInstanceState.FAILED))


def test_the_document_says_which_callbacks_there_are() -> None:
    with a_dag(on_success_callback=print, default_args={"on_failure_callback": [print]}) as dag:
        EmptyOperator(task_id="a", on_skipped_callback=print, on_execute_callback=print)
        EmptyOperator(task_id="b", on_failure_callback=[], on_retry_callback=print)
    document = serialize(dag, "x.py")
    assert document["callbacks"] == ["on_success_callback"]
    assert [task["callbacks"] for task in document["tasks"]] == [
        ["on_failure_callback", "on_skipped_callback"],
        ["on_retry_callback"],
    ]


def test_which_ends_call_back() -> None:
    after_try = {state: kind_after_try(state) for state in (None, *TaskInstanceState)}
    assert {state: kind for state, kind in after_try.items() if kind} == {
        "success": "on_success_callback",
        "failed": "on_failure_callback",
        "up_for_retry": "on_retry_callback",
        "skipped": "on_skipped_callback",
    }
    assert [kind_after_run(state) for state in DagRunState] == [
        None,
        "on_dag_run_running",
        "on_success_callback",
        "on_failure_callback",
    ]


def mapped_task_with(callbacks: Any) -> BaseOperator:
    arguments = {"python_callable": print, "on_failure_callback": callbacks}
    with a_dag():
        task: BaseOperator = PythonOperator.partial(task_id="a", **arguments).expand(op_args=[["x"], ["y"]])
    return task


def test_the_callbacks_of_an_instance_of_a_mapped_task_see_its_own_operator() -> None:
    notes = Notes()
    dag = mapped_task_with(notes).dag
    end = ended(dag, "a", TaskInstanceState.FAILED, map_index=1, map_levels=(2,))
    call_back(dag, CallbackKind.FAILURE, end)
    (context,) = notes.contexts
    assert context["task"] is context["ti"].task
    assert context["task"].op_args == ["y"]
    assert (context["ti"].map_index, context["expanded_ti_count"]) == (1, 2)


def test_of_an_instance_whose_operator_cannot_be_made_callbacks_see_the_mapped_one() -> None:
    notes = Notes()
    task = mapped_task_with(notes)
    for index in (-1, 9):
        end = ended(task.dag, "a", TaskInstanceState.FAILED, map_index=index, map_levels=(2,))
        call_back(task.dag, CallbackKind.FAILURE, end)
    assert [type(context["task"]) for context in notes.contexts] == [MappedOperator, MappedOperator]
