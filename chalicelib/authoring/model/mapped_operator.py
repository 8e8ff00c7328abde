"""Mapped operators: what ``Operator.partial(...).expand(...)`` makes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model import dag_context
from chalicelib.authoring.model.baseoperator import BaseOperator, parameter_names
from chalicelib.authoring.model.expand_input import (
    DictOfListsExpandInput,
    ExpandInput,
    ListOfDictsExpandInput,
    check_list_of_dicts,
    check_return_values,
    is_mappable,
    prevent_duplicates,
    references_in,
)
from chalicelib.authoring.model.mapped_group import mapped_groups_around

if TYPE_CHECKING:
    from chalicelib.authoring.model.dag import DAG
    from chalicelib.authoring.model.task_group import TaskGroup

_PLACE = frozenset({"task_id", "dag", "task_group"})

_OF_THE_TASK = _PLACE | frozenset(
    {
        "start_date", "end_date", "owner", "email", "resources",
        "trigger_rule", "depends_on_past", "ignore_first_depends_on_past",
        "wait_for_past_depends_before_skipping", "wait_for_downstream", "retries", "queue", "pool",
        "pool_slots", "execution_timeout", "max_retry_delay", "retry_delay", "retry_exponential_backoff",
        "priority_weight", "weight_rule", "sla", "map_index_template", "max_active_tis_per_dag",
        "max_active_tis_per_dagrun", "on_execute_callback", "on_failure_callback", "on_success_callback",
        "on_retry_callback", "on_skipped_callback", "run_as_user", "executor", "executor_config", "inlets",
        "outlets", "doc", "doc_md", "doc_json", "doc_yaml", "doc_rst", "task_display_name", "logger_name",
        "allow_nested_operators",
    }
)  # fmt: skip
"""Arguments of the task, not of its instances: ``partial`` alone takes them."""


class MappedOperator(BaseOperator):
    """A task that is mapped; what an instance of it runs is made by ``unmap``.

    ``partial_kwargs`` are arguments of all instances, without the task's id, group and DAG. With
    ``strict`` an instance fails that is given one of them once more. Raises ``NotImplementedError`` inside
    of a mapped task group, ``AirflowException`` for an SLA.
    """

    operator_class: type[BaseOperator]
    """What its instances are made of."""

    def __init__(
        self,
        *,
        task_id: str,
        operator_class: type[BaseOperator],
        expand_input: ExpandInput,
        partial_kwargs: Mapping[str, Any],
        strict: bool,
        dag: "DAG | None",
        task_group: "TaskGroup | None",
    ) -> None:
        if next(mapped_groups_around(task_group), None) is not None:
            raise NotImplementedError("operator expansion in an expanded task group is not yet supported")
        self.operator_class = operator_class
        self.expand_input = expand_input
        self.length = expand_input.length
        self.partial_kwargs = dict(partial_kwargs)
        self.strict = strict
        self.template_fields = operator_class.template_fields
        self.template_ext = operator_class.template_ext
        self.template_fields_renderers = operator_class.template_fields_renderers  # type: ignore[misc]
        self.ui_color = operator_class.ui_color
        self.ui_fgcolor = operator_class.ui_fgcolor
        self.operator_extra_links = operator_class.operator_extra_links
        of_the_task = parameter_names(BaseOperator)
        given = {name: value for name, value in self.partial_kwargs.items() if name in of_the_task}
        super().__init__(**{**given, "task_id": task_id, "dag": dag, "task_group": task_group})
        if self.sla is not None:
            raise AirflowException(
                f"SLAs are unsupported with mapped tasks. Please set `sla=None` for task {self.task_id!r}."
            )

    def _take_place(self, dag: "DAG | None") -> None:
        """Join group and DAG; the scopes of setups and teardowns do not see mapped tasks, as in Airflow."""
        if self.task_group is not None:
            self.task_group.add(self)
        if dag is not None:
            dag.add_task(self)

    def _follow_outputs(self) -> None:
        templated = [self.partial_kwargs.get(name) for name in self.template_fields]
        for operator, _ in references_in([self.expand_input, templated]):
            self.set_upstream(operator)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if self._constructed and name in _OF_THE_TASK - _PLACE:
            self.partial_kwargs[name] = value

    @property
    def task_type(self) -> str:
        """The class name of its instances."""
        return self.operator_class.__name__

    @property
    def operator_name(self) -> str:
        """The same, or the name that they would rather be shown under."""
        return str(getattr(self.operator_class, "custom_operator_name", self.task_type))

    @property
    def inherits_from_empty_operator(self) -> bool:  # type: ignore[override]  # of the class elsewhere
        """Whether its instances do nothing."""
        return self.operator_class.inherits_from_empty_operator

    def common_argument(self, name: str, default: Any) -> Any:
        """An argument that all instances share, or the default: some may be given another, too."""
        defaults = {**self.dag.default_args, **(self.task_group.default_args if self.task_group else {})}
        return self.partial_kwargs.get(name, defaults.get(name, default))

    def mapped_attributes(self) -> dict[str, Any]:
        """What Airflow shows of it beside its templated attributes, which no instance has yet."""
        return {}

    def unmap(self, mapped_kwargs: Mapping[str, Any]) -> BaseOperator:
        """The operator of one instance, which is given these arguments beside the common ones.

        It is no member of the DAG, and knows it. Raises ``TypeError`` for an argument that is given
        twice, and what the operator's constructor raises.
        """
        if self.strict:
            given = _given(self.partial_kwargs)
            prevent_duplicates(given, mapped_kwargs, fail_reason="unmappable or already specified")
        params = self.params.merged(mapped_kwargs.get("params") or {})
        return self._made({**self.partial_kwargs, **mapped_kwargs, "params": params})

    def _made(self, arguments: Mapping[str, Any]) -> BaseOperator:
        place = {"task_id": self.task_id, "dag": self.dag, "task_group": self.task_group}
        dates = {"start_date": self.start_date, "end_date": self.end_date}
        return self.operator_class.made_of(self, {**dates, **arguments, **place})

    def __repr__(self) -> str:
        return f"<Mapped({self.task_type}): {self.task_id}>"


def expand_inputs_of(task: BaseOperator) -> list[ExpandInput]:
    """What a task is mapped over by itself, and by the groups around it; nothing for a plain task."""
    own = [task.expand_input] if isinstance(task, MappedOperator) else []
    return [*own, *(group.expand_input for group in mapped_groups_around(task.task_group))]


def needs_expansion(task: BaseOperator) -> bool:
    """Whether a task has several instances: it is mapped, or a group around it is."""
    return bool(expand_inputs_of(task))


def is_mapped_over(task: BaseOperator) -> bool:
    """Whether a task or a group is mapped over what a task returns; the tasks of that come after it."""
    followers = (task.dag.get_task(task_id) for task_id in task.downstream_task_ids)
    references = (references_in(expand_inputs_of(follower)) for follower in followers)
    return any(operator.task_id == task.task_id for found in references for operator, _ in found)


class OperatorPartial:
    """What ``partial`` gives: an operator's common arguments, until it is mapped over the others."""

    def __init__(
        self,
        operator_class: type[BaseOperator],
        *,
        task_id: str,
        dag: "DAG | None",
        task_group: "TaskGroup | None",
        kwargs: Mapping[str, Any],
    ) -> None:
        self.operator_class = operator_class
        self.kwargs = kwargs
        self._task_id = task_id
        self._dag = dag
        self._task_group = task_group

    def expand(self, **mapped_kwargs: Any) -> MappedOperator:
        """Map over each of these with each of the others; a list, a dict or an output.

        Raises ``TypeError`` and ``ValueError`` as Airflow does for arguments that cannot be mapped.
        """
        if not mapped_kwargs:
            raise TypeError("no arguments to expand against")
        _check_names(self.operator_class, "expand", mapped_kwargs)
        prevent_duplicates(_given(self.kwargs), mapped_kwargs, fail_reason="unmappable or already specified")
        return self._expand(DictOfListsExpandInput(mapped_kwargs), strict=False)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> MappedOperator:
        """Map over a list of dicts of arguments, or an output that is one; raises as above."""
        check_list_of_dicts(kwargs)
        return self._expand(ListOfDictsExpandInput(kwargs), strict=strict)

    def _expand(self, expand_input: ExpandInput, *, strict: bool) -> MappedOperator:
        check_return_values(expand_input.value)
        return MappedOperator(
            task_id=self._task_id,
            operator_class=self.operator_class,
            expand_input=expand_input,
            partial_kwargs=self.kwargs,
            strict=strict,
            dag=self._dag,
            task_group=self._task_group,
        )

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.kwargs.items())
        return f"{self.operator_class.__name__}.partial({arguments})"


def partial(
    operator_class: type[BaseOperator],
    *,
    task_id: str,
    dag: "DAG | None" = None,
    task_group: "TaskGroup | None" = None,
    **kwargs: Any,
) -> OperatorPartial:
    """Airflow's ``partial`` of an operator; raises ``TypeError`` for arguments that it does not take."""
    _check_names(operator_class, "partial", kwargs)
    if "task_concurrency" in kwargs:
        raise TypeError("unexpected argument: task_concurrency")
    dag = dag or dag_context.current_dag()
    return OperatorPartial(
        operator_class,
        task_id=task_id,
        dag=dag,
        task_group=task_group or dag_context.current_group(dag),
        kwargs=kwargs,
    )


def _given(partial_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that cannot be mapped over; params may be given in part."""
    return dict.fromkeys(sorted(_OF_THE_TASK | partial_kwargs.keys() - {"params"}))


def refuse_task(**_: Any) -> NoReturn:
    """In place of ``partial`` of a task that is made already; raises ``TypeError``."""
    raise TypeError("partial can only be called on Operator classes, not Tasks themselves")


def _check_names(operator_class: type[BaseOperator], source: str, kwargs: Mapping[str, Any]) -> None:
    known = parameter_names(operator_class)
    for name, value in kwargs.items():
        if source == "expand" and name in known and not is_mappable(value):
            raise ValueError(
                f"{operator_class.__name__}.expand() got an unexpected type "
                f"{type(value).__name__!r} for keyword argument {name}"
            )
    refuse_unknown(f"{operator_class.__name__}.{source}", [name for name in kwargs if name not in known])


def refuse_unknown(function: str, unknown: list[str]) -> None:
    """Raise ``TypeError`` for arguments that are unknown, if there are any."""
    if len(unknown) == 1:
        raise TypeError(f"{function}() got an unexpected keyword argument {unknown[0]!r}")
    if unknown:
        raise TypeError(f"{function}() got unexpected keyword arguments {', '.join(map(repr, unknown))}")
