"""Views of ``/dags/{dag_id}/dag_runs``: a new run, the list of runs, the state of a run."""

from datetime import datetime
from typing import Any

from chalicelib import bootstrap
from chalicelib.api.experimental import paging, trigger_body
from chalicelib.api.experimental.urls import dag_run_url
from chalicelib.api.http import storable
from chalicelib.api.http.idempotency import idempotency_key
from chalicelib.api.http.request_and_reply import (
    Reply,
    Request,
    encoded_size,
    json_reply,
    json_text,
)
from chalicelib.domain.errors import DagNotFound, InvalidRequest
from chalicelib.domain.runs.dag_runs import DagRun

_LARGEST_LIST = 5_000_000
"""Bytes in a Lambda's answer, which may have 6 MB."""


def trigger(request: Request) -> Reply:
    """Creates a run, with an ``Idempotency-Key`` once; the answer shows its date with the offset as sent."""
    from chalicelib.engine.runs import create

    engine = bootstrap.engine()
    wish = trigger_body.read(request, engine.now())
    dag_id = storable.dag_id(request)
    key = idempotency_key(request, "POST /dags/{dag_id}/dag_runs", dag_id)
    wanted = create.RunRequest(
        dag_id=dag_id,
        execution_date=wish.execution_date,
        is_undated=wish.is_undated,
        run_id=wish.run_id,
        conf=wish.conf,
        triggered_by=request.asked_by,
    )
    if key is None:
        run = create.create_run(engine, wanted)
        return Reply(text=_created(run, wish.execution_date), change=_change(run))
    once = create.create_run_once(engine, wanted, key, lambda run: _created(run, wish.execution_date))
    return Reply(text=once.answer, change=_change(once.made) if once.made else None)


def _change(run: DagRun) -> dict[str, object]:
    date = run.execution_date.isoformat()
    return {"dag_id": run.dag_id, "run_id": run.run_id, "execution_date": date, "run_uid": run.run_uid}


def _created(run: DagRun, execution_date: datetime) -> str:
    return json_text(
        {
            "execution_date": execution_date.isoformat(),
            "message": f"Created {dag_run_text(run, execution_date)}",
            "run_id": run.run_id,
        }
    )


def dag_run_text(run: DagRun, execution_date: datetime) -> str:
    """Python's ``str()`` of Airflow's model of a run; ``execution_date`` with the offset that is shown."""
    return (
        f"<DagRun {run.dag_id} @ {execution_date}: {run.run_id}, state:{run.state}, "
        f"queued_at: {run.queued_at}. externally triggered: {run.external_trigger}>"
    )


def dag_runs(request: Request) -> Reply:
    """Lists runs by execution date, ascending.

    With ``limit`` it is a page, from the oldest run on; without, the newest runs that fit an answer. A
    ``Link`` leads to the next page in either case.
    """
    from chalicelib.engine.lookup import get_dag
    from chalicelib.engine.reading.dag_run_pages import read_page

    engine = bootstrap.engine()
    try:
        dag = get_dag(engine, storable.dag_id(request))
    except DagNotFound as error:
        # Airflow answers 400 on this route, and 404 on all others.
        raise InvalidRequest(str(error)) from error
    wanted = paging.page_wanted(request)
    page = _Page()
    position = read_page(engine, dag, wanted, page.take)
    return Reply(text=page.text(reverse=wanted.goes_back), next_page=paging.next_page(request, position))


class _Page:
    """The runs of a list, as JSON, as many as fit an answer."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._size = 0

    def take(self, run: DagRun) -> bool:
        """Add a run to the page; False if there is no room for it."""
        text = json_text(_listed(run))
        self._size += encoded_size(text)
        if self._size > _LARGEST_LIST:
            return False
        self._texts.append(text)
        return True

    def text(self, *, reverse: bool) -> str:
        """The list as JSON."""
        texts = reversed(self._texts) if reverse else self._texts
        return f"[{', '.join(texts)}]"


def dag_run(request: Request) -> Reply:
    """Tells the state of the run at an execution date."""
    from chalicelib.engine.lookup import get_dag_run
    from chalicelib.engine.runs.execution_dates import execution_date

    date = execution_date(request.path["execution_date"])
    run = get_dag_run(bootstrap.engine(), storable.dag_id(request), date)
    return json_reply({"state": run.state})


def _listed(run: DagRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "run_id": run.run_id,
        "state": run.state,
        "dag_id": run.dag_id,
        "execution_date": run.execution_date.isoformat(),
        "start_date": run.start_date.isoformat() if run.start_date else "",
        "dag_run_url": dag_run_url(run.dag_id, run.execution_date),
    }
