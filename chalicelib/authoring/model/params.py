"""Params: values of a DAG or task that a run's conf may replace."""

import copy
import json
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import ParamValidationError
from chalicelib.authoring.model.json_schema import violation
from chalicelib.authoring.notset import NOTSET

if TYPE_CHECKING:
    from chalicelib.authoring.model.dag import DAG


class Param:
    """A value with a description and a JSON schema (``json_schema`` says how much of it).

    Without a default the value has to come from a run's conf.
    """

    def __init__(self, default: Any = NOTSET, description: str | None = None, **schema: Any) -> None:
        self.value = default
        self.description = description
        self.schema: dict[str, Any] = schema.pop("schema", schema)

    @property
    def has_value(self) -> bool:
        """Whether there is a value."""
        return self.value is not NOTSET

    def resolve(self, value: Any = NOTSET) -> Any:
        """The value, replaced by the given one if there is any.

        Raises ``ParamValidationError`` when there is none, when it is no JSON, or against the schema.
        """
        final = self.value if value is NOTSET else value
        if final is NOTSET:
            raise ParamValidationError("No value passed and Param has no default value")
        found = violation(final, self.schema) or _json_violation(final)
        if found:
            raise ParamValidationError(found)
        self.value = final
        return final

    def __repr__(self) -> str:
        return f"Param({self.value!r})"


class ParamsDict(MutableMapping[str, Any]):
    """Params by name; looking one up gives its value, checked."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._params: dict[str, Param] = {}
        self.update(values or {})

    def __getitem__(self, name: str) -> Any:
        return self._params[name].resolve()

    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, Param):
            self._params[name] = copy.copy(value)
        elif name in self._params:
            self._params[name] = copy.copy(self._params[name])
            self._params[name].value = value
        else:
            self._params[name] = Param(value)

    def __delitem__(self, name: str) -> None:
        del self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ParamsDict):
            return self.dump() == other.dump()
        return self.dump() == other

    __hash__ = None  # type: ignore[assignment]  # mutable, like a dict

    def __repr__(self) -> str:
        return repr(self.dump())

    def get_param(self, name: str) -> Param:
        """The param itself; raises ``KeyError``."""
        return self._params[name]

    def merged(self, *others: Mapping[str, Any]) -> "ParamsDict":
        """A copy with the params and values of others on top, the last one winning."""
        result = ParamsDict()
        for source in (self, *others):
            for name in source:
                result[name] = source.get_param(name) if isinstance(source, ParamsDict) else source[name]
        return result

    def dump(self) -> dict[str, Any]:
        """The values as they are, unchecked; None where there is none."""
        return {name: param.value if param.has_value else None for name, param in self._params.items()}

    def validate(self) -> dict[str, Any]:
        """The values, checked; raises ``ParamValidationError`` that names the param."""
        return {name: self._resolved(name, param) for name, param in self._params.items()}

    def _resolved(self, name: str, param: Param) -> Any:
        try:
            return param.resolve()
        except ParamValidationError as error:
            raise ParamValidationError(f"Invalid input for param {name}: {error}") from None


class DagParam:
    """A reference to a param of a DAG, resolved when a task runs (an argument of a ``@dag`` function)."""

    def __init__(self, dag: "DAG", name: str, default: Any = NOTSET) -> None:
        if default is not NOTSET:
            dag.params[name] = default
        self._name = name

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value of this run; raises ``ParamValidationError`` if it has none."""
        params: Mapping[str, Any] = context["params"]
        if self._name not in params:
            raise ParamValidationError(f"No value could be resolved for parameter {self._name}")
        return params[self._name]

    def __repr__(self) -> str:
        return f"DagParam({self._name!r})"


def _json_violation(value: Any) -> str | None:
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        return f"All provided parameters must be json-serializable: {error}"
    return None
