"""The arguments of a user's function: those values of the context that its signature names."""

import inspect
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from chalicelib.authoring.model.datasets import Metadata
from chalicelib.authoring.running.lazy_values import found

log = logging.getLogger("airflow.task")

CONTEXT_KEYS = frozenset(
    {
        "conf", "conn", "dag", "dag_run", "data_interval_end", "data_interval_start", "ds", "ds_nodash",
        "exception", "execution_date", "expanded_ti_count", "inlet_events", "inlets",
        "logical_date", "macros",
        "map_index_template", "next_ds", "next_ds_nodash", "next_execution_date", "outlet_events", "outlets",
        "params",
        "prev_data_interval_end_success", "prev_data_interval_start_success", "prev_ds", "prev_ds_nodash",
        "prev_end_date_success", "prev_execution_date", "prev_execution_date_success",
        "prev_start_date_success", "run_id", "task", "task_instance", "task_instance_key_str",
        "templates_dict", "test_mode", "ti", "tomorrow_ds", "tomorrow_ds_nodash",
        "triggering_dataset_events", "try_number", "ts",
        "ts_nodash", "ts_nodash_with_tz", "var", "yesterday_ds", "yesterday_ds_nodash",
    }
)  # fmt: skip
"""The names of the context; a function's parameter of that name is filled from it."""

_FILLED = CONTEXT_KEYS | {"triggering_asset_events"}
"""With a name of Airflow 3's, whose DAGs have it in their context."""


def accepted_arguments(
    function: Callable[..., Any], args: Collection[Any], offered: Mapping[str, Any]
) -> dict[str, Any]:
    """Those of the offered values that the function takes by name, beside the positional ``args``.

    Values that are found later are found now, as far as the function takes them (``**kwargs`` takes all).

    Raises ``ValueError`` when a positional argument would land on a name that is offered too.
    """
    parameters = _parameters(function)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    filled = {parameter.name for parameter in positional[: len(args)]}
    clash = sorted(filled & offered.keys())
    if clash:
        raise ValueError(f"The key {clash[0]!r} in args is a part of kwargs and therefore reserved.")
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return {name: found(value) for name, value in offered.items()}
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return {name: found(value) for name, value in offered.items() if name in named}


def called_to_its_end(
    function: Callable[..., Any],
    args: Collection[Any],
    kwargs: Mapping[str, Any],
    take: Callable[[Metadata], None] | None = None,
) -> Any:
    """What a function returns; a generator is gone through for that, as in Airflow.

    ``take`` gets each ``Metadata`` that it yields; all else that it yields is ignored with a warning.
    """
    if not inspect.isgeneratorfunction(function):
        return function(*args, **kwargs)
    generator = function(*args, **kwargs)
    while True:
        try:
            yielded = next(generator)
        except StopIteration as end:
            return end.value
        if take is not None and isinstance(yielded, Metadata):
            take(yielded)
            continue
        log.warning("Ignoring unknown data of %r received from task", type(yielded))


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except ValueError:
        return []  # some functions written in C do not tell; they want nothing of the context


def check_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Check at loading time that a decorated function can be called so when its task runs.

    Parameters named like values of the context need no argument. Raises ``TypeError`` as the call would,
    ``ValueError`` when such a parameter has a default other than None.
    """
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.name in _FILLED and parameter.default not in (None, parameter.empty):
            raise ValueError(f"Context key parameter {parameter.name} can't have a default other than None")
    without_context = [
        parameter.replace(default=None)
        if parameter.name in _FILLED and parameter.kind in _NAMED
        else parameter
        for parameter in signature.parameters.values()
    ]
    # Parameters with defaults may now stand before ones without: bind by hand what that would forbid.
    inspect.Signature(_reordered(without_context)).bind(*args, **kwargs)


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _reordered(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """The parameters in an order that a signature may have.

    Once a positional parameter has a default (a context value), later ones without become keyword-only
    in effect; giving them a default of their own would hide that they are missing.
    """
    seen_default = False
    result: list[inspect.Parameter] = []
    for parameter in parameters:
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            if seen_default and parameter.default is parameter.empty:
                parameter = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            seen_default = seen_default or parameter.default is not parameter.empty
        result.append(parameter)
    return sorted(result, key=lambda parameter: parameter.kind)
