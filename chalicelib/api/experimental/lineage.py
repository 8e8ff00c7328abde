"""View of ``/lineage/{dag_id}/{execution_date}``: the inlets and outlets of a run's tasks."""

from collections.abc import Sequence

from chalicelib import bootstrap
from chalicelib.api.http import storable
from chalicelib.api.http.request_and_reply import Reply, Request, json_reply


def lineage(request: Request) -> Reply:
    """Shows inlets and outlets by task, without empty lists, and without tasks that have neither."""
    from chalicelib.engine.reading.queries import get_lineage
    from chalicelib.engine.runs.execution_dates import execution_date

    date = execution_date(request.path["execution_date"])
    found = get_lineage(bootstrap.engine(), storable.dag_id(request), date)
    return json_reply({"task_ids": {task_id: _shown(inlets, outlets) for task_id, inlets, outlets in found}})


def _shown(inlets: Sequence[str], outlets: Sequence[str]) -> dict[str, list[str]]:
    kinds = {"inlets": list(inlets), "outlets": list(outlets)}
    return {kind: entities for kind, entities in kinds.items() if entities}
