"""Lineage from the tasks that ran to what clients see of it."""

from datetime import UTC, datetime, timedelta

from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.lineage import AUTO, File
from chalicelib.authoring.operators.bash import BashOperator
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.authoring.running.execution import run_try
from chalicelib.domain.messages import RunTask, TriggererMessage, WorkerMessage
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.engine import dispatch
from chalicelib.engine.engine import Engine
from chalicelib.engine.ports.worker import Invocation, RunningXComs, TryReport
from chalicelib.engine.slots.pools import ensure_default_pool
from chalicelib.engine.worker.execute import execute
from tests.scripted.contract_dags import deploy
from tests.scripted.in_process_api import InProcessApi
from tests.scripted.memory_sender import MemorySender

DATE = "2026-01-01T12:00:00+00:00"


def lineage_dag() -> DAG:
    """Inlets by ``auto``, by id and by ``|``; ``make`` fails the first time."""

    def make(ti: object) -> None:
        if getattr(ti, "try_number", 0) < 2:
            raise ValueError("the first time")

    with DAG("lin", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)) as dag:
        made = PythonOperator(
            task_id="make",
            python_callable=make,
            outlets=[File(url="raw-{{ ds }}")],
            retries=1,
            retry_delay=timedelta(0),
        )
        cleaned = BashOperator(
            task_id="clean", bash_command="true", inlets=AUTO, outlets=[File(url="clean-{{ ds }}")]
        )
        report = BashOperator(task_id="report", bash_command="true", inlets=["make", File(url="own")])
        _ = made >> cleaned
        _ = cleaned | report
        BashOperator(task_id="plain", bash_command="true") << report
    return dag


def run_everything(engine: Engine, dag: DAG) -> None:
    """Handle messages until there are none."""
    sender = engine.sender
    assert isinstance(sender, MemorySender)

    def run_one(request: TryRequest, xcoms: RunningXComs) -> TryReport:
        return TryReport(outcome=run_try(dag, request, xcoms), log=b"")

    handled = 0
    while messages := sender.take_all():
        for outgoing in messages:
            handled += 1
            if isinstance(outgoing.message, RunTask):
                ends_at = engine.now() + timedelta(minutes=15)
                invocation = Invocation(
                    token=f"i{handled}", ends_at=ends_at, hostname="h", unixname="airflow", pid=1
                )
                execute(engine, outgoing.message, invocation, run_one)
            else:
                assert not isinstance(outgoing.message, WorkerMessage | TriggererMessage)
                dispatch.handle(engine, outgoing.message)


def text(url: str) -> str:
    return f"airflow.lineage.entities.File@version=0(url={url},type_hint=None)"


def test_inlets_that_came_from_upstream_show_as_in_airflow(api: InProcessApi, engine: Engine) -> None:
    dag = lineage_dag()
    ensure_default_pool(engine)
    deploy(engine, serialize(dag, "lin.py"))
    api.get("/dags/lin/paused/false")
    assert api.post("/dags/lin/dag_runs", {"execution_date": DATE}).status == 200
    run_everything(engine, dag)
    assert api.get(f"/dags/lin/dag_runs/{DATE}").body == {"state": "success"}
    assert api.get(f"/lineage/lin/{DATE}").body == {
        "task_ids": {
            "make": {"outlets": [text("raw-2026-01-01")]},
            "clean": {"inlets": [text("raw-2026-01-01")], "outlets": [text("clean-2026-01-01")]},
            "report": {"inlets": [text("own"), text("raw-2026-01-01"), text("clean-2026-01-01")]},
        }
    }
