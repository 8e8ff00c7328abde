"""``/dags/{dag_id}/dag_runs``: triggering runs, listing them, asking how one stands."""

from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from chalicelib import bootstrap
from chalicelib.api import names, trigger_body
from chalicelib.api.exchange import Reply, Request, json_reply
from chalicelib.api.routing import Paths
from chalicelib.domain.dag_runs import DagRun
from chalicelib.domain.errors import DagNotFound, InvalidRequest, excerpt
from chalicelib.domain.states import DagRunState


def trigger(request: Request) -> Reply:
    """Creates a run; the answer shows its date with the offset as it was sent."""
    from chalicelib.engine.trigger import TriggerRequest
    from chalicelib.engine.trigger import trigger as trigger_run

    engine = bootstrap.engine()
    wish = trigger_body.read(request, engine.now())
    run = trigger_run(
        engine,
        TriggerRequest(
            dag_id=names.dag_id(request),
            execution_date=wish.execution_date,
            run_id=wish.run_id,
            conf=wish.conf,
            triggered_by=request.asked_by,
        ),
    )
    message = (
        f"Created <DagRun {run.dag_id} @ {wish.execution_date}: {run.run_id}, state:{run.state}, "
        f"queued_at: {run.queued_at}. externally triggered: {run.external_trigger}>"
    )
    return json_reply(
        {"execution_date": wish.execution_date.isoformat(), "message": message, "run_id": run.run_id}
    )


def dag_runs(request: Request) -> Reply:
    """Lists the runs by execution date, ascending; ``?state=`` leaves those in that state."""
    from chalicelib.engine.queries import list_dag_runs

    try:
        runs = list_dag_runs(bootstrap.engine(), names.dag_id(request))
    except DagNotFound as error:
        # Airflow answers 400 on this route, and 404 on all others.
        raise InvalidRequest(str(error)) from error
    wanted = _state(request.query.get("state", ""))
    return json_reply([_listed(run) for run in runs if wanted in (None, run.state)])


def dag_run(request: Request) -> Reply:
    """Tells the state of the run at an execution date."""
    from chalicelib.engine.execution_dates import execution_date
    from chalicelib.engine.queries import get_dag_run

    date = execution_date(request.path["execution_date"])
    run = get_dag_run(bootstrap.engine(), names.dag_id(request), date)
    return json_reply({"state": run.state})


def _state(text: str) -> DagRunState | None:
    if not text:
        return None
    try:
        return DagRunState(text.lower())
    except ValueError:
        known = ", ".join(DagRunState)
        raise InvalidRequest(f"{excerpt(text)!r} is not a state of DAG runs; there are {known}") from None


def _listed(run: DagRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "run_id": run.run_id,
        "state": run.state,
        "dag_id": run.dag_id,
        "execution_date": run.execution_date.isoformat(),
        "start_date": run.start_date.isoformat() if run.start_date else "",
        "dag_run_url": _url(run),
    }


def _url(run: DagRun) -> str:
    """The path of the run's page in Airflow's web server, behind the path of ``[webserver] base_url``."""
    prefix = urlsplit(bootstrap.settings().base_url).path.rstrip("/")
    query = urlencode({"execution_date": str(run.execution_date)})
    return f"{prefix}/dags/{quote(run.dag_id)}/graph?{query}"


PATHS: Paths = {
    "/dags/{dag_id}/dag_runs": {"GET": dag_runs, "POST": trigger},
    "/dags/{dag_id}/dag_runs/{execution_date}": {"GET": dag_run},
}
