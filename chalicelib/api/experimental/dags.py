"""Views of ``/dags/{dag_id}``: the DAG's deletion, its pause, its code."""

from chalicelib import bootstrap
from chalicelib.api.http import storable
from chalicelib.api.http.request_and_reply import Reply, Request, json_reply
from chalicelib.domain.errors import DagNotFound, NoDagToDelete


def paused(request: Request) -> Reply:
    """Tells whether the DAG is paused."""
    from chalicelib.engine.lookup import get_dag

    dag = get_dag(bootstrap.engine(), storable.dag_id(request))
    return json_reply({"is_paused": dag.is_paused})


def set_paused(request: Request) -> Reply:
    """Pauses for the word ``true``, unpauses for any other, as Airflow does."""
    from chalicelib.engine.dags import pausing

    dag_id, is_paused = storable.dag_id(request), request.path["word"] == "true"
    pausing.set_paused(bootstrap.engine(), dag_id, paused=is_paused, changed_by=request.asked_by)
    return json_reply({"response": "ok"}, change={"dag_id": dag_id, "is_paused": is_paused})


def code(request: Request) -> Reply:
    """Sends the text of the DAG's file under the media type that Airflow gives it, not escaped."""
    from chalicelib.engine.reading.queries import get_code

    text = get_code(bootstrap.engine(), storable.dag_id(request))
    return Reply(text=text, content_type="text/html; charset=utf-8")


def delete(request: Request) -> Reply:
    """Deletes the DAG with its runs, task instances and XComs; refused while one of its tasks runs.

    As long as a deployed file defines the DAG, it comes back, paused and without runs.
    """
    from chalicelib.engine.upkeep.deletion import delete_dag

    dag_id = _dag_id_to_delete(request)
    count = delete_dag(bootstrap.engine(), dag_id)
    return json_reply(
        {"count": count, "message": f"Removed {count} record(s)"}, change={"dag_id": dag_id, "deleted": True}
    )


def delete_for_the_client(request: Request) -> Reply:
    """Deletes the DAG at the path that Airflow's own client asks for, which its server never had."""
    return delete(request)


def _dag_id_to_delete(request: Request) -> str:
    """The DAG id in the path; raises ``NoDagToDelete`` if no DAG can have it."""
    try:
        return storable.dag_id(request)
    except DagNotFound as error:
        raise NoDagToDelete(request.path["dag_id"]) from error
