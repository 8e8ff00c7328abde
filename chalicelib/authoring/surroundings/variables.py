"""Airflow's variables as DAG files see them, in Airflow's order of places.

Those are the secrets backend, ``AIRFLOW_VAR_KEY`` of the environment and the store. Which store, the process
says with ``variables_in``; without one there are the others only. A variable is read from the store when it
is asked for, each time: a DAG that uses none costs nothing.
"""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.notset import NOTSET
from chalicelib.authoring.surroundings.secrets import secret_variable
from chalicelib.authoring.surroundings.secrets_masker import mask_secret
from chalicelib.domain.variables import VariablesOfDagFiles, checked_variable

log = logging.getLogger("airflow.task.variables")

_store: VariablesOfDagFiles | None = None


@contextmanager
def variables_in(store: VariablesOfDagFiles) -> Iterator[None]:
    """Let DAG files find their variables there meanwhile, in the whole process: user code may use threads."""
    global _store
    before, _store = _store, store
    try:
        yield
    finally:
        _store = before


class Variable:
    """Airflow's variables. All methods may raise ``StoreUnavailable``."""

    @classmethod
    def get(cls, key: str, default_var: Any = NOTSET, deserialize_json: bool = False) -> Any:
        """The variable, parsed as JSON if asked; raises ``KeyError`` if there is neither it nor a default."""
        text = _found(key)
        if text is None:
            if default_var is NOTSET:
                raise KeyError(f"Variable {key} does not exist")
            return default_var
        value = json.loads(text) if deserialize_json else text
        mask_secret(value, key)
        return value

    @classmethod
    def set(cls, key: str, value: Any, description: str | None = None, serialize_json: bool = False) -> None:
        """Keep a variable in place of what is there, its description included.

        Raises ``InvalidRequest`` for what cannot be kept, ``AirflowException`` without a store.
        """
        text = json.dumps(value, indent=2) if serialize_json else str(value)
        mask_secret(value if serialize_json else text, key)
        if _of_environment(key) is not None:
            log.warning(
                "The variable %s is set in the environment, which comes first: what is stored is not read",
                key,
            )
        _writable().save(checked_variable(key, text, description))

    @classmethod
    def update(cls, key: str, value: Any, serialize_json: bool = False) -> None:
        """Keep another value of a stored variable, with the description that it has.

        Raises ``KeyError`` if there is none, ``AttributeError`` if only the environment has it (as Airflow
        does), and as ``set``.
        """
        stored = _writable().get(key)
        if stored is None:
            if _of_environment(key) is None:
                raise KeyError(f"Variable {key} does not exist")
            raise AttributeError(f"Variable {key} does not exist in the Database and cannot be updated.")
        cls.set(key, value, stored.description, serialize_json)

    @classmethod
    def delete(cls, key: str) -> int:
        """Delete a stored variable; how many there were. Raises ``AirflowException`` without a store."""
        store = _writable()
        if store.get(key) is None:
            return 0
        store.delete(key)
        return 1

    @classmethod
    def setdefault(
        cls, key: str, default: Any, description: str | None = None, deserialize_json: bool = False
    ) -> Any:
        """The variable, or the default, which is then kept; raises ``ValueError`` if that is None."""
        value = cls.get(key, default_var=None, deserialize_json=deserialize_json)
        if value is not None:
            return value
        if default is None:
            raise ValueError("Default Value must be set")
        cls.set(key, default, description, serialize_json=deserialize_json)
        return default


class VariableAccessor:
    """``var.value`` and ``var.json`` in templates: variables as attributes, or by ``get``."""

    def __init__(self, *, deserialize_json: bool) -> None:
        self._deserialize_json = deserialize_json

    def __getattr__(self, key: str) -> Any:
        return Variable.get(key, deserialize_json=self._deserialize_json)

    def get(self, key: str, default: Any = NOTSET) -> Any:
        """The variable, or the default."""
        return Variable.get(key, default, deserialize_json=self._deserialize_json)


def _found(key: str) -> str | None:
    text = secret_variable(key)
    if text is None:
        text = _of_environment(key)
    if text is not None or _store is None:
        return text
    stored = _store.get(key)
    return stored.value if stored else None


def _of_environment(key: str) -> str | None:
    return os.environ.get(f"AIRFLOW_VAR_{key.upper()}")


def _writable() -> VariablesOfDagFiles:
    if _store is None:
        raise AirflowException("Variables can only be read here: there is no store to keep them in")
    return _store
