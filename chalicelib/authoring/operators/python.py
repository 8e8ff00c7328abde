"""``PythonOperator``, its branching and its short-circuiting forms: a Python function as a task."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.datasets import Metadata
from chalicelib.authoring.operators.branch import BranchMixIn, SkipMixin
from chalicelib.authoring.running.callables import accepted_arguments, called_to_its_end
from chalicelib.authoring.running.context import get_current_context
from chalicelib.authoring.running.lazy_values import as_kept

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context

__all__ = ["BranchPythonOperator", "PythonOperator", "ShortCircuitOperator", "get_current_context"]


class PythonOperator(BaseOperator):
    """Calls a function with ``op_args``, ``op_kwargs`` and those values of the context that it names.

    A function with ``**kwargs`` gets the whole context. ``provide_context`` is 1.10's and has no effect.
    """

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {
        "templates_dict": "json",
        "op_args": "py",
        "op_kwargs": "py",
    }
    ui_color = "#ffefeb"

    _take: Callable[[Metadata], None] | None = None
    """What gets each ``Metadata`` that the function yields."""

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        provide_context: bool | None = None,  # noqa: ARG002 - 1.10's, kept so that its files load
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(python_callable):
            raise AirflowException("`python_callable` param must be callable")
        self.python_callable = python_callable
        self.op_args = op_args or ()
        self.op_kwargs = op_kwargs or {}
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = templates_exts
        self.show_return_value_in_logs = show_return_value_in_logs

    def execute(self, context: "Context") -> Any:
        """Call the function; its result is the task's."""
        self.op_kwargs = self.determine_kwargs(context)
        return_value = self.execute_callable()
        if self.show_return_value_in_logs:
            self.log.info("Done. Returned value was: %s", return_value)
        else:
            self.log.info("Done. Returned value not shown")
        return return_value

    def determine_kwargs(self, context: "Context") -> Mapping[str, Any]:
        """The keyword arguments of the function: ``op_kwargs``, and what it names of the context."""
        self._take = context["outlet_events"].take
        offered = {**as_kept(context), "templates_dict": self.templates_dict, **self.op_kwargs}
        return accepted_arguments(self.python_callable, self.op_args, offered)

    def execute_callable(self) -> Any:
        """Call the function with ``op_args`` and ``op_kwargs``; for subclasses to put something around."""
        return called_to_its_end(self.python_callable, self.op_args, self.op_kwargs, self._take)


class BranchPythonOperator(PythonOperator, BranchMixIn):
    """Goes on with the tasks whose ids the function returns, and skips its other successors."""

    def execute(self, context: "Context") -> Any:
        """Call the function and follow what it returns."""
        return self.do_branch(context, super().execute(context))


class ShortCircuitOperator(PythonOperator, SkipMixin):
    """Skips what comes after it unless the function returns something true.

    All tasks downstream but teardowns are skipped, however far; with
    ``ignore_downstream_trigger_rules=False`` only the direct successors, and trigger rules decide about
    the rest.
    """

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: "Context") -> Any:
        """Call the function; on a false result skip what comes after."""
        condition = super().execute(context)
        self.log.info("Condition result is %s", condition)
        if condition:
            self.log.info("Proceeding with downstream tasks...")
            return condition
        following = (
            self.get_flat_relative_ids(upstream=False)
            if self.ignore_downstream_trigger_rules
            else self.downstream_task_ids
        )
        skipped = {task_id for task_id in following if not self.dag.get_task(task_id).is_teardown}
        self.log.info("Skipping downstream tasks %s", sorted(skipped))
        context["ti"].skip(skipped)
        return condition
