"""``PythonSensor``: waits until a Python function returns a true value."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.running.callables import accepted_arguments
from chalicelib.authoring.sensors.base import BaseSensorOperator, PokeReturnValue

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context


class PythonSensor(BaseSensorOperator):
    """Waits until the function returns something true, or a ``PokeReturnValue`` that is done.

    The function gets ``op_args``, ``op_kwargs`` and those values of the context that it names.
    """

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(python_callable):
            raise AirflowException("`python_callable` param must be callable")
        self.python_callable = python_callable
        self.op_args: Collection[Any] = op_args or ()
        self.op_kwargs = op_kwargs or {}
        self.templates_dict = templates_dict

    def poke(self, context: "Context") -> PokeReturnValue:
        """Call the function."""
        offered = {**context, **self.op_kwargs, "templates_dict": self.templates_dict}
        kwargs = accepted_arguments(self.python_callable, self.op_args, offered)
        self.log.info("Poking callable: %s", self.python_callable)
        result = self.python_callable(*self.op_args, **kwargs)
        return result if isinstance(result, PokeReturnValue) else PokeReturnValue(bool(result))
