"""Expansion of decorated functions: tasks and task groups that are mapped over arguments of the function."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.expand_input import (
    DictOfListsExpandInput,
    ExpandInput,
    ListOfDictsExpandInput,
    MappedArgument,
    check_list_of_dicts,
    is_mappable,
    prevent_duplicates,
)
from chalicelib.authoring.model.mapped_group import MappedTaskGroup
from chalicelib.authoring.model.mapped_operator import MappedOperator, refuse_unknown
from chalicelib.authoring.model.rules import TriggerRule
from chalicelib.authoring.model.task_group import TaskGroup
from chalicelib.authoring.model.xcom_arg import XComArg
from chalicelib.authoring.running.callables import CONTEXT_KEYS


class DecoratedMappedOperator(MappedOperator):
    """A mapped task of a decorated function: what it is mapped over are arguments of the function."""

    def mapped_attributes(self) -> dict[str, Any]:
        """The arguments that it is mapped over."""
        return {"op_kwargs_expand_input": self.expand_input}

    def unmap(self, mapped_kwargs: Mapping[str, Any]) -> BaseOperator:
        """As of any mapped operator; the arguments are the function's."""
        common = self.partial_kwargs["op_kwargs"]
        if self.strict:
            prevent_duplicates(common, mapped_kwargs, fail_reason="mapping already partial")
        arguments = {**self.partial_kwargs, "op_kwargs": {**common, **mapped_kwargs}}
        return self._made(arguments)


def check_names(function: Callable[..., Any], source: str, kwargs: Mapping[str, Any]) -> None:
    """Check the arguments given to ``expand`` or ``partial`` of a decorated function.

    Raises ``TypeError`` for one that the function does not take, ``ValueError`` for one that cannot be
    mapped over.
    """
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for name, value in kwargs.items():
        if source == "expand" and name in parameters and not is_mappable(value):
            raise ValueError(
                f"expand() got an unexpected type {type(value).__name__!r} for keyword argument {name!r}"
            )
    refuse_unknown(source, [name for name in kwargs if name not in parameters])


def check_names_of_task(function: Callable[..., Any], source: str, kwargs: Mapping[str, Any]) -> None:
    """As above, of a task; raises ``ValueError`` for values of the context, too."""
    shadowed = sorted(CONTEXT_KEYS & kwargs.keys())
    if len(shadowed) == 1:
        raise ValueError(f"cannot call {source}() on task context variable {shadowed[0]!r}")
    if shadowed:
        raise ValueError(f"cannot call {source}() on task context variables {', '.join(map(repr, shadowed))}")
    check_names(function, source, kwargs)


def refuse_always(rule: Any, source: str, values: Any) -> None:
    """Raise ``ValueError`` if a task of the rule ``always`` is mapped over outputs."""
    if rule == TriggerRule.ALWAYS and any(isinstance(value, XComArg) for value in values):
        raise ValueError(
            f"Task-generated mapping within a task using {source!r} is not allowed "
            "with trigger rule 'always'."
        )


class TaskGroupFactory:
    """A function that makes a task group: each call makes one, with the tasks made inside.

    A call gives what the function returns, else the group.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Mapping[str, Any],
        partial_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._arguments = {"group_id": function.__name__, **arguments}
        self._partial_kwargs = dict(partial_kwargs or {})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make a group."""
        return self._make(TaskGroup, *args, **kwargs)

    def override(self, **arguments: Any) -> "TaskGroupFactory":
        """The same function with other arguments of the group, ``group_id`` for example."""
        return TaskGroupFactory(self.function, {**self._arguments, **arguments}, self._partial_kwargs)

    def partial(self, **kwargs: Any) -> "TaskGroupFactory":
        """The same function with arguments that all instances of the mapped group share."""
        check_names(self.function, "partial", kwargs)
        prevent_duplicates(self._partial_kwargs, kwargs, fail_reason="duplicate partial")
        return TaskGroupFactory(self.function, self._arguments, {**kwargs, **self._partial_kwargs})

    def expand(self, **kwargs: Any) -> Any:
        """Make a mapped group: an instance for each of these with each of the others."""
        if not kwargs:
            raise TypeError("no arguments to expand against")
        check_names(self.function, "expand", kwargs)
        prevent_duplicates(self._partial_kwargs, kwargs, fail_reason="mapping already partial")
        return self._expand(DictOfListsExpandInput(kwargs), list(kwargs))

    def expand_kwargs(self, kwargs: Any) -> Any:
        """Make a mapped group: an instance for each dict of a list of arguments."""
        check_list_of_dicts(kwargs)
        parameters = inspect.signature(self.function).parameters
        if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters.values()):
            raise TypeError("calling expand_kwargs() on task group function with * or ** is not supported")
        mapped = [name for name in parameters if name not in self._partial_kwargs]
        return self._expand(ListOfDictsExpandInput(kwargs), mapped)

    def _expand(self, expand_input: ExpandInput, names: list[str]) -> Any:
        mapped = {name: MappedArgument(expand_input, name) for name in names}
        make = functools.partial(MappedTaskGroup, expand_input=expand_input)
        return self._make(make, **self._partial_kwargs, **mapped)

    def _make(self, make: Callable[..., TaskGroup], *args: Any, **kwargs: Any) -> Any:
        options = {"add_suffix_on_collision": True, "tooltip": self.function.__doc__ or "", **self._arguments}
        with make(**options) as group:
            result = self.function(*args, **kwargs)
        return group if result is None else result
