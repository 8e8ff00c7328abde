"""The operations of the OpenAPI document, each under the name of its view."""

import re
from typing import Any

from chalicelib.api.experimental.openapi.components import DATE, answer, reference, refusal
from chalicelib.api.experimental.openapi.schemas import Part, schema
from chalicelib.api.experimental.paging import MOST_PER_PAGE
from chalicelib.api.http.surface import Routes
from chalicelib.domain.states import DagRunState
from chalicelib.settings import AIRFLOW_VERSION

_COMMON_RESPONSES: Part = {
    "400": reference("responses", "BadRequest"),
    "401": reference("responses", "Unauthorized"),
    "403": reference("responses", "Forbidden"),
    "404": reference("responses", "NotFound"),
    "429": reference("responses", "TooManyTries"),
    "500": reference("responses", "ServerError"),
    "503": reference("responses", "Unavailable"),
}
"""Answers that any route may give."""

_NO_DAG = "Dag id etl not found in DagModel"
_NOT_A_DATE = (
    "Given execution date, yesterday-ish, could not be identified as a date. "
    "Example date format: 2015-11-16T14:34:15+00:00"
)
_POOL = {
    "id": 1,
    "pool": "default_pool",
    "slots": 128,
    "description": "Default pool",
    "include_deferred": False,
}
_DAG_RUN = {
    "id": 1,
    "run_id": f"manual__{DATE}",
    "state": DagRunState.RUNNING.value,
    "dag_id": "etl",
    "execution_date": DATE,
    "start_date": "2024-05-06T07:08:10.123456+00:00",
    "dag_run_url": "/dags/etl/graph?execution_date=2024-05-06+07%3A08%3A09%2B00%3A00",
}


def _json(content: Part, example: Any) -> Part:
    return {"application/json": {"schema": content, "example": example}}


def _operation(name: str, summary: str, success: Part, **more: Any) -> Part:
    """An operation of that ``operationId``; ``more``: its parameters, body and refusals of its own.

    Keys of ``more`` like ``_404`` are responses, all others as in OpenAPI.
    """
    responses = {key[1:]: value for key, value in more.items() if key.startswith("_")}
    fields = {key: value for key, value in more.items() if not key.startswith("_")}
    return {
        "operationId": name,
        "summary": summary,
        **fields,
        "responses": {"200": success, **_COMMON_RESPONSES, **responses},
    }


def _in_query(name: str, description: str, content: Part) -> Part:
    return {"name": name, "in": "query", "description": description, "schema": content}


def _body(description: str, content: Part, examples: dict[str, Any]) -> Part:
    named = {name: {"value": value} for name, value in examples.items()}
    return {
        "description": f"{description} Read as JSON whatever its `Content-Type` says.",
        "required": True,
        "content": {"application/json": {"schema": content, "examples": named}},
    }


_REFUSED_DELETIONS: Part = {
    "_404": refusal("No such DAG.", example="Dag id etl not found"),
    "_409": refusal("A task of the DAG is running.", example="TaskInstances still running"),
}
_DELETED = answer(
    "It is gone. The count says nothing to a client.",
    _json(schema("DagDeleted"), {"count": 3, "message": "Removed 3 record(s)"}),
)
_NO_POOL = refusal("No such pool.", example="Pool 'reports' doesn't exist")

OPERATIONS: dict[str, Part] = {
    "service:test": _operation(
        "test",
        "Says that the server is there",
        answer("It is.", _json(schema("Status"), {"status": "OK"})),
    ),
    "service:info": _operation(
        "get_info",
        "Tells the version of the Airflow that is served",
        answer("The version.", _json(schema("Info"), {"version": AIRFLOW_VERSION})),
    ),
    "service:openapi": _operation(
        "get_openapi",
        "Serves this document",
        answer("An OpenAPI 3.1 document.", {"application/json": {"schema": {"type": "object"}}}),
    ),
    "dags:delete": _operation(
        "delete_dag",
        "Deletes a DAG with its runs, task instances and XComs",
        _DELETED,
        description="While its file is deployed, the DAG comes back with the next sync, paused and without"
        " runs.",
        **_REFUSED_DELETIONS,
    ),
    "dags:delete_for_the_client": _operation(
        "delete_dag_as_airflow_client",
        "Deletes a DAG: the path that Airflow's own client calls",
        _DELETED,
        **_REFUSED_DELETIONS,
    ),
    "dags:code": _operation(
        "get_code",
        "Shows a DAG's file",
        answer("The file's text.", {"text/html": {"schema": {"type": "string"}}}),
        _404=refusal("No such DAG.", example=_NO_DAG),
    ),
    "dags:paused": _operation(
        "get_paused",
        "Tells whether a DAG is paused",
        answer("Whether it is.", _json(schema("Paused"), {"is_paused": False})),
        _404=refusal("No such DAG.", example=_NO_DAG),
    ),
    "dags:set_paused": _operation(
        "set_paused",
        "Pauses or unpauses a DAG",
        answer("It is now as wished.", _json(schema("Done"), {"response": "ok"})),
        description="A GET that changes something: so Airflow has it.",
        _404=refusal("No such DAG.", example=_NO_DAG),
    ),
    "dag_runs:dag_runs": _operation(
        "list_dag_runs",
        "Lists the runs of a DAG by execution date, ascending",
        answer("The runs.", _json({"type": "array", "items": schema("DagRun")}, [_DAG_RUN])),
        description="All of them, or the newest that fit an answer; with `limit`, pages from the oldest on."
        ' Where there are more, `Link` leads to the next page with `rel="next"`. Paging is not of Airflow.',
        parameters=[
            _in_query(
                "state",
                "Leaves the runs in that state, in any case of letters; all of them if empty.",
                {"anyOf": [schema("DagRunState"), {"const": ""}]},
            ),
            _in_query(
                "limit",
                "The most runs on a page.",
                {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE},
            ),
            _in_query("cursor", "Where the page begins: part of the link to it.", {"type": "string"}),
            _in_query("execution_date_gte", "Leaves the runs at that date and after it.", schema("Date")),
            _in_query("execution_date_lte", "Leaves the runs at that date and before it.", schema("Date")),
        ],
        _400=refusal(
            "No such DAG (Airflow says 400 on this route alone), or a parameter that cannot be used.",
            example=_NO_DAG,
        ),
    ),
    "dag_runs:trigger": _operation(
        "trigger_dag_run",
        "Triggers a run of a DAG",
        answer(
            "The run has been created.",
            _json(
                schema("Triggered"),
                {
                    "execution_date": DATE,
                    "message": f"Created <DagRun etl @ 2024-05-06 07:08:09+00:00: manual__{DATE},"
                    " state:queued, queued_at: 2024-05-06 07:08:09.123456+00:00. externally triggered: True>",
                    "run_id": f"manual__{DATE}",
                },
            ),
        ),
        parameters=[reference("parameters", "idempotency_key")],
        requestBody=_body(
            "What the run is to be; `{}` asks for one of now.",
            schema("Trigger"),
            {
                "now": {},
                "airflow_1_10_client": {"run_id": None, "conf": '{"key": "value"}', "execution_date": None},
                "airflow_2_client": {
                    "run_id": "my_run",
                    "conf": {"key": "value"},
                    "execution_date": DATE,
                    "replace_microseconds": True,
                },
            },
        ),
        _400=refusal(
            "The body or a field of it cannot be used, or the run id or the execution date is taken.",
            example="Dag Run conf must be a dictionary object, other types are not supported",
        ),
        _404=refusal("No such DAG.", example=_NO_DAG),
        _409=reference("responses", "KeyReused"),
    ),
    "dag_runs:dag_run": _operation(
        "get_dag_run",
        "Tells the state of the run at an execution date",
        answer("How it stands.", _json(schema("DagRunStanding"), {"state": "running"})),
        _400=refusal("Not a date.", example=_NOT_A_DATE),
        _404=refusal("No such DAG or run.", example=_NO_DAG),
    ),
    "latest_runs:latest_runs": _operation(
        "list_latest_runs",
        "Lists the latest run of each DAG, in no fixed order",
        answer(
            "Per DAG that has runs the one with the greatest execution date.",
            _json(
                schema("LatestDagRuns"),
                {
                    "items": [
                        {
                            name: _DAG_RUN[name]
                            for name in ("dag_id", "execution_date", "start_date", "dag_run_url")
                        }
                    ]
                },
            ),
        ),
    ),
    "tasks:task": _operation(
        "get_task",
        "Shows a task of a DAG",
        answer(
            "Its attributes.", _json(schema("Task"), {"task_id": "load", "owner": "airflow", "retries": "0"})
        ),
        _404=refusal("No such DAG or task.", example="Task load not found in dag etl"),
    ),
    "task_instances:task_instance": _operation(
        "get_task_instance",
        "Shows a task in a run",
        answer(
            "Its attributes.",
            _json(
                schema("TaskInstance"),
                {
                    "dag_id": "etl",
                    "execution_date": "2024-05-06 07:08:09+00:00",
                    "run_id": f"manual__{DATE}",
                    "state": "success",
                    "task_id": "load",
                    "try_number": "1",
                },
            ),
        ),
        _400=refusal("Not a date.", example=_NOT_A_DATE),
        _404=refusal(
            "No such DAG, task or run; or the run has no such task instance without a map index.",
            example="Task load not found in dag etl",
        ),
    ),
    "pools:pools": _operation(
        "list_pools",
        "Lists all pools, in no fixed order",
        answer("The pools.", _json({"type": "array", "items": schema("Pool")}, [_POOL])),
    ),
    "pools:save": _operation(
        "save_pool",
        "Creates a pool, or changes the slots and the description of the one of that name",
        answer("The pool as it is now.", _json(schema("Pool"), _POOL)),
        parameters=[reference("parameters", "idempotency_key")],
        requestBody=_body(
            "The pool.",
            schema("NewPool"),
            {
                "airflow_1_10_client": {"name": "reports", "slots": "4", "description": "Nightly reports"},
                "airflow_2_client": {
                    "name": "reports",
                    "slots": 4,
                    "description": "Nightly reports",
                    "include_deferred": False,
                },
            },
        ),
        _400=refusal("The body or a field of it cannot be used.", example="Bad value for `slots`: many"),
        _409=reference("responses", "KeyReused"),
    ),
    "pools:pool": _operation(
        "get_pool",
        "Shows a pool",
        answer("The pool.", _json(schema("Pool"), _POOL)),
        _400=refusal("The name is blank.", example="Pool name shouldn't be empty"),
        _404=_NO_POOL,
    ),
    "pools:delete": _operation(
        "delete_pool",
        "Deletes a pool",
        answer("The pool that was deleted.", _json(schema("Pool"), _POOL)),
        _400=refusal(
            "The name is blank, or that of the default pool.", example="default_pool cannot be deleted"
        ),
        _404=_NO_POOL,
    ),
    "lineage:lineage": _operation(
        "get_lineage",
        "Shows what the tasks of a run read and wrote",
        answer(
            "Inlets and outlets by task.",
            _json(
                schema("Lineage"),
                {
                    "task_ids": {
                        "load": {
                            "outlets": [
                                "airflow.lineage.entities.File@version=0(url=s3://bucket/raw.csv,type_hint=None)"
                            ]
                        }
                    }
                },
            ),
        ),
        _400=refusal("Not a date.", example=_NOT_A_DATE),
        _404=refusal("No such DAG or run.", example=_NO_DAG),
    ),
}
"""By the name of the view, as in the surface's routes."""

_VARIABLE = re.compile(r"\{(\w+)\}")


def paths(routes: Routes) -> dict[str, Part]:
    """The ``paths`` of the document: per path the parameters that its template names, and operations."""
    return {
        path: {
            "parameters": [reference("parameters", name) for name in _VARIABLE.findall(path)],
            **{method.lower(): OPERATIONS[view] for method, view in views.items()},
        }
        for path, views in routes.items()
    }
