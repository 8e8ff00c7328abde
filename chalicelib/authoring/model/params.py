"""Params: values of a DAG or task that a run's conf may replace."""

import copy
from collections.abc import ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import AirflowException, ParamValidationError
from chalicelib.authoring.notset import NOTSET
from chalicelib.domain.params import NO_VALUE, invalid_input, violation

if TYPE_CHECKING:
    from chalicelib.authoring.model.dag import DAG


class Param:
    """A value with a description and a JSON Schema, given as ``schema`` or by its keywords.

    Without a default the value has to come from a run's conf. A default that the schema refuses is no
    error yet, and it may be what JSON has no form for, as in Airflow 2.
    """

    def __init__(self, default: Any = NOTSET, description: str | None = None, **kwargs: Any) -> None:
        self.value = default
        self.description = description
        self.schema: dict[str, Any] = kwargs.pop("schema") if "schema" in kwargs else kwargs

    def __copy__(self) -> "Param":
        made = Param.__new__(type(self))
        vars(made).update(vars(self))
        return made

    @property
    def has_value(self) -> bool:
        """Whether there is a value other than None."""
        return self.value is not NOTSET and self.value is not None

    @property
    def refusal(self) -> str | None:
        """Why a run cannot do with the value as it is; None if it can."""
        return NO_VALUE if self.value is NOTSET else violation(self.value, self.schema or {})

    def resolve(self, value: Any = NOTSET, suppress_exception: bool = False) -> Any:
        """The value, replaced by the given one if there is any.

        Raises ``ParamValidationError`` when there is none or the schema refuses it; with
        ``suppress_exception`` the answer is None then, and the value stays as it was.
        """
        final = self.value if value is NOTSET else value
        found = NO_VALUE if final is NOTSET else violation(final, self.schema or {})
        if found is None:
            self.value = final
            return final
        if suppress_exception:
            return None
        raise ParamValidationError(found)

    def dump(self) -> dict[str, Any]:
        """The param as a dict: ``value``, ``description`` and ``schema``."""
        value = None if self.value is NOTSET else self.value
        return {
            "__class": "airflow.models.param.Param",
            "value": value,
            "description": self.description,
            "schema": self.schema,
        }


class ParamsDict(MutableMapping[str, Any]):
    """Params by name; looking one up gives its value, checked.

    With ``suppress_exception`` a value that is wrong is None instead of an error, and a wrong one that is
    set changes nothing.
    """

    def __init__(self, dict_obj: Mapping[str, Any] | None = None, suppress_exception: bool = False) -> None:
        self.suppress_exception = suppress_exception
        self._params = {
            name: value if isinstance(value, Param) else Param(value)
            for name, value in _params_of(dict_obj or {}).items()
        }

    def __getitem__(self, name: str) -> Any:
        return self._params[name].resolve(suppress_exception=self.suppress_exception)

    def __setitem__(self, name: str, value: Any) -> None:
        """Put a param in, or a value in place of that of a param; raises ``ParamValidationError``."""
        if isinstance(value, Param):
            self._params[name] = copy.copy(value)
        elif name in self._params:
            param = copy.copy(self._params[name])
            try:
                param.resolve(value, suppress_exception=self.suppress_exception)
            except ParamValidationError as error:
                raise ParamValidationError(invalid_input(name, str(error))) from None
            self._params[name] = param
        else:
            self._params[name] = Param(value)

    def __delitem__(self, name: str) -> None:
        del self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __contains__(self, name: object) -> bool:
        return name in self._params

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ParamsDict):
            return self.dump() == other.dump()
        return self.dump() == other

    __hash__ = None  # type: ignore[assignment]  # mutable, like a dict

    def __repr__(self) -> str:
        return repr(self.dump())

    def items(self) -> ItemsView[str, Any]:
        """Names and the params themselves, as in Airflow."""
        return ItemsView(self._params)

    def values(self) -> ValuesView[Any]:
        """The params themselves, as in Airflow."""
        return ValuesView(self._params)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several; the params of another ``ParamsDict`` take the place of those here."""
        super().update(*map(_params_of, args), **kwargs)

    def get_param(self, name: str) -> Param:
        """The param itself; raises ``KeyError``."""
        return self._params[name]

    def merged(self, *others: Mapping[str, Any] | None, suppress_exception: bool = False) -> "ParamsDict":
        """A copy with the params and values of others on top, the last one winning; raises as above."""
        result = ParamsDict(suppress_exception=suppress_exception)
        for source in (self, *others):
            result.update(source or {})
        return result

    def dump(self) -> dict[str, Any]:
        """The values; None for those that are wrong or missing."""
        return {name: param.resolve(suppress_exception=True) for name, param in self._params.items()}

    def validate(self) -> dict[str, Any]:
        """The values, checked; raises ``ParamValidationError`` that names the param."""
        return {name: self._resolved(name, param) for name, param in self._params.items()}

    def refusals(self) -> list[str]:
        """Why a run cannot do with the values as they are, naming the param, for each of which that holds."""
        refused = ((name, param.refusal) for name, param in self._params.items())
        return [invalid_input(name, reason) for name, reason in refused if reason is not None]

    def _resolved(self, name: str, param: Param) -> Any:
        try:
            return param.resolve(suppress_exception=self.suppress_exception)
        except ParamValidationError as error:
            raise ParamValidationError(invalid_input(name, str(error))) from None


class DagParam:
    """A reference to a param of a DAG, resolved when a task runs (an argument of a ``@dag`` function)."""

    def __init__(self, current_dag: "DAG", name: str, default: Any = NOTSET) -> None:
        if default is not NOTSET:
            current_dag.params[name] = default
        self._name = name
        self._default = default

    def resolve(self, context: Mapping[str, Any], *, include_xcom: bool = True) -> Any:  # noqa: ARG002 - Airflow's
        """The value of this run: its conf's, else the default, else the param's.

        Raises ``AirflowException`` if it has none.
        """
        conf: Mapping[str, Any] = context["dag_run"].conf
        if self._name in conf:
            return conf[self._name]
        if self._default is not NOTSET and not isinstance(self._default, Param):
            return self._default
        params: Mapping[str, Any] = context["params"]
        if self._name in params:
            return params[self._name]
        raise AirflowException(f"No value could be resolved for parameter {self._name}")

    def __repr__(self) -> str:
        return f"DagParam({self._name!r})"


def _params_of(values: Any) -> Any:
    """The params of a ``ParamsDict`` by name; anything else as it is."""
    return values._params if isinstance(values, ParamsDict) else values
