"""The arguments of functions that are called with the context (``airflow.utils.operator_helpers``)."""

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

from chalicelib.authoring.running.callables import accepted_arguments


def determine_kwargs(
    func: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Those of the values that a function takes by name, beside the positional ``args``."""
    return accepted_arguments(func, args, kwargs)


def make_kwargs_callable(func: Callable[..., Any]) -> Callable[..., Any]:
    """A function that may be called with more values than the given one takes."""

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **determine_kwargs(func, args, kwargs))

    return call
