"""What a run of these DAG files leaves beside states: errors that callbacks saw, classes that were used."""

import json
import os

from airflow.hooks.base import BaseHook
from airflow.models.mappedoperator import MappedOperator


def watch(dags):
    """Write lines of JSON to the file that RECORDER_FILE names, as tasks of the DAGs run."""
    for dag in dags:
        for task in dag.tasks:
            _add(task, "on_execute_callback", _used)
            _add(task, "on_failure_callback", _failed)
            _add(task, "on_retry_callback", _retried)


def _add(task, name, callback):
    if isinstance(task, MappedOperator):
        there = task.partial_kwargs.get(name)
        task.partial_kwargs[name] = _and_another(there, callback)
    else:
        setattr(task, name, _and_another(getattr(task, name), callback))


def _and_another(there, callback):
    if there is None:
        return [callback]
    return [*there, callback] if isinstance(there, list) else [there, callback]


def _write(*line):
    with open(os.environ["RECORDER_FILE"], "a") as file:
        file.write(json.dumps(line) + "\n")


def _used(context):
    _write("used", *_name_of(type(context["task"])))
    asked = BaseHook.get_connection.__func__

    @classmethod
    def get_connection(cls, conn_id):
        _write("used", *_name_of(cls))
        return asked(cls, conn_id)

    if not hasattr(BaseHook, "is_watched"):
        BaseHook.is_watched = True
        BaseHook.get_connection = get_connection


def _name_of(cls):
    """The class of a provider package; of a class that derives from one, that one."""
    found = next((each for each in cls.__mro__ if each.__module__.startswith("airflow.providers.")), cls)
    return found.__module__, found.__qualname__


def _failed(context):
    _saw("failed", context)


def _retried(context):
    _saw("retry", context)


def _saw(kind, context):
    error, ti = context["exception"], context["ti"]
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    _write("error", ti.task_id, ti.map_index, kind, name, str(error))
