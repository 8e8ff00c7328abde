"""Functions that fail, in place of methods of a store in memory or another fake."""

from collections.abc import Callable
from types import MethodType
from typing import NoReturn


def raising(error: Exception) -> Callable[..., NoReturn]:
    """A function of any arguments that raises the error."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


def let_fail(method: Callable[..., object], error: Exception) -> None:
    """Let each further call of a method of that object raise the error."""
    assert isinstance(method, MethodType), f"{method} is not a method of an object"
    setattr(method.__self__, method.__name__, raising(error))
