"""View of ``/dags/{dag_id}/tasks/{task_id}``: a task as its DAG defines it."""

from chalicelib import bootstrap
from chalicelib.api.http import storable
from chalicelib.api.http.request_and_reply import Reply, Request, json_reply


def task(request: Request) -> Reply:
    """Shows the task's public attributes, each as the text that Python's ``str()`` gives."""
    from chalicelib.engine.reading.queries import get_task

    found = get_task(bootstrap.engine(), storable.dag_id(request), request.path["task_id"])
    return json_reply(dict(found.attributes))
