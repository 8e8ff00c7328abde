"""Airflow 3's ``Variable``."""

from typing import Any

from chalicelib.authoring.exceptions import AirflowRuntimeError
from chalicelib.authoring.notset import NOTSET
from chalicelib.authoring.surroundings import variables


class Variable(variables.Variable):
    """Airflow's variables, by Airflow 3's names of arguments and errors."""

    @classmethod
    def get(cls, key: str, default: Any = NOTSET, deserialize_json: bool = False) -> Any:
        """The variable, parsed as JSON if asked; raises ``AirflowRuntimeError`` if it is not there."""
        try:
            return super().get(key, default, deserialize_json)
        except KeyError:
            raise AirflowRuntimeError(f"VARIABLE_NOT_FOUND: {{'key': {key!r}}}") from None
