"""The schemas of the OpenAPI document, for bodies and answers."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.states import DagRunState, TaskInstanceState

Part = dict[str, Any]
"""A piece of an OpenAPI document."""

_TEXT: Part = {"type": "string"}
_MOMENT: Part = {"type": "string", "format": "date-time"}


def schema(name: str) -> Part:
    """A reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def _answer_object(properties: Mapping[str, Part], *, optional: frozenset[str] = frozenset()) -> Part:
    """An object of an answer: all its fields are named, and all but the optional ones are there."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": sorted(properties.keys() - optional),
        "additionalProperties": False,
    }


_DAG_RUN: dict[str, Part] = {
    "id": {"type": "integer"},
    "run_id": _TEXT,
    "state": schema("DagRunState"),
    "dag_id": _TEXT,
    "execution_date": _MOMENT,
    "start_date": {"type": "string", "description": "An empty text until the run starts."},
    "dag_run_url": {"type": "string", "format": "uri-reference"},
}
_LATEST = ("dag_id", "execution_date", "start_date", "dag_run_url")
_POOL: dict[str, Part] = {
    "id": {"type": "integer"},
    "pool": {"type": "string", "description": "The pool's name."},
    "slots": {"type": "integer", "description": "Below zero: without limit."},
    "description": {"type": ["string", "null"]},
    "include_deferred": {"type": "boolean"},
}

_ENTITIES: Part = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Serialized as `airflow.lineage.entities.File@version=0(url=...)`, templates rendered.",
}

SCHEMAS: dict[str, Part] = {
    "Error": _answer_object({"error": {"type": "string", "minLength": 1}}),
    "Status": _answer_object({"status": {"const": "OK"}}),
    "Info": _answer_object({"version": _TEXT}),
    "DagRunState": {"type": "string", "enum": [state.value for state in DagRunState]},
    "DagRun": _answer_object(_DAG_RUN),
    "DagRunStanding": _answer_object({"state": schema("DagRunState")}),
    "LatestDagRuns": _answer_object(
        {
            "items": {
                "type": "array",
                "items": _answer_object({name: _DAG_RUN[name] for name in _LATEST}),
            }
        }
    ),
    "Date": {
        "type": "string",
        "description": "Whatever `pendulum.parse(text, strict=False)` takes; in UTC without an offset.",
        "anyOf": [{"format": "date-time"}, {}],
    },
    "Trigger": {
        "type": "object",
        "description": "What Airflow's clients of 1.10 and 2.10 send. Other fields are ignored.",
        "properties": {
            "run_id": {
                "type": ["string", "null"],
                "maxLength": 250,
                "description": "Made from the execution date if missing, null or empty. Its letters are"
                " limited by `[scheduler] allowed_run_id_pattern`.",
            },
            "conf": {
                "description": "An object, or a text that is a JSON object (1.10's command line sends that).",
                "anyOf": [
                    {"type": "object"},
                    {"type": "null"},
                    {"type": "string", "contentMediaType": "application/json"},
                ],
            },
            "execution_date": {"anyOf": [schema("Date"), {"type": "null"}], "description": "Now if null."},
            "replace_microseconds": {
                "type": ["boolean", "string", "null"],
                "description": "Whether to cut the microseconds of the execution date: true, or one of"
                " `true t yes y on 1`. Without it, those of now are cut and those of a given date kept.",
            },
        },
    },
    "Triggered": _answer_object({"execution_date": _MOMENT, "message": _TEXT, "run_id": _TEXT}),
    "Task": {
        "type": "object",
        "description": "The task's public attributes, each as a text by Python's `str()`. Of a mapped task "
        "only those that have templates, and what it is mapped over.",
        "properties": dict.fromkeys(("task_id", "owner", "pool", "retries", "trigger_rule"), _TEXT),
        "additionalProperties": _TEXT,
    },
    "TaskInstance": {
        "type": "object",
        "description": "The task instance's attributes, each as a text by Python's `str()`.",
        "properties": {
            **dict.fromkeys(("dag_id", "task_id", "run_id", "execution_date", "operator", "pool"), _TEXT),
            "state": {"enum": [*(state.value for state in TaskInstanceState), "None"]},
            "try_number": {"type": "string", "pattern": r"^\d+$"},
        },
        "required": ["dag_id", "execution_date", "run_id", "state", "task_id", "try_number"],
        "additionalProperties": _TEXT,
    },
    "Paused": _answer_object({"is_paused": {"type": "boolean"}}),
    "Done": _answer_object({"response": {"const": "ok"}}),
    "DagDeleted": _answer_object({"count": {"type": "integer"}, "message": _TEXT}),
    "NewPool": {
        "type": "object",
        "description": "A pool as Airflow's clients of 1.10 and 2.10 send it. Other fields are ignored.",
        "properties": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 256,
                "pattern": r"^[^\u0000]*\S[^\u0000]*$",
            },
            "slots": {
                "description": "Whatever Python's `int()` takes. Below zero: without limit.",
                "anyOf": [
                    {"type": "number", "minimum": -(2**31 - 1), "maximum": 2**31 - 1},
                    {"type": "string", "pattern": r"^ *[+-]?[0-9]{1,9} *$"},
                    {"type": "boolean"},
                ],
            },
            "description": {"type": ["string", "null"], "maxLength": 4096, "pattern": r"^[^\u0000]*$"},
            "include_deferred": {"type": "boolean", "default": False},
        },
        "required": ["name", "slots", "description"],
    },
    "Pool": _answer_object(_POOL),
    "Lineage": _answer_object(
        {
            "task_ids": {
                "type": "object",
                "description": "By task id; tasks without inlets and outlets are left out.",
                "additionalProperties": _answer_object(
                    {"inlets": _ENTITIES, "outlets": _ENTITIES}, optional=frozenset({"inlets", "outlets"})
                ),
            }
        }
    ),
}
