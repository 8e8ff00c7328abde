"""TaskFlow: ``@dag``, ``@task`` and ``@task_group``."""

import functools
import inspect
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from chalicelib.authoring.exceptions import AirflowException, AirflowSkipException
from chalicelib.authoring.model import dag_context
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.expand_input import (
    DictOfListsExpandInput,
    ExpandInput,
    ListOfDictsExpandInput,
    check_list_of_dicts,
    check_return_values,
    prevent_duplicates,
)
from chalicelib.authoring.model.setup_teardown import Role
from chalicelib.authoring.model.task_group import TaskGroup, unused_id
from chalicelib.authoring.model.xcom_arg import XComArg
from chalicelib.authoring.operators.bash import BashOperator
from chalicelib.authoring.operators.other_python import (
    BranchExternalPythonOperator,
    BranchPythonVirtualenvOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
)
from chalicelib.authoring.operators.python import (
    BranchPythonOperator,
    PythonOperator,
    ShortCircuitOperator,
)
from chalicelib.authoring.operators.python_scripts import python_source
from chalicelib.authoring.running.callables import accepted_arguments, check_call
from chalicelib.authoring.running.lazy_values import as_kept
from chalicelib.authoring.sensors.python import PythonSensor
from chalicelib.authoring.taskflow.expansion import (
    DecoratedMappedOperator,
    TaskGroupFactory,
    check_names_of_task,
    refuse_always,
)

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context


class DecoratedOperator(BaseOperator):
    """What the operators of decorated functions share: an unused id, and a check of the call.

    The other class that such an operator derives from is given ``kwargs_to_upstream`` and what else is given.
    """

    template_fields: Sequence[str] = ("op_args", "op_kwargs")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"op_args": "py", "op_kwargs": "py"}

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        task_id: str,
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        kwargs_to_upstream: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        check_call(python_callable, tuple(op_args or ()), op_kwargs or {})
        self.python_callable = python_callable
        self.op_args: Collection[Any] = op_args or ()
        self.op_kwargs = op_kwargs or {}
        super().__init__(task_id=_unused_task_id(task_id, kwargs), **(kwargs_to_upstream or {}), **kwargs)

    def get_python_source(self) -> str:
        """The function's source, without the decorators that make a task of it."""
        return python_source(self.python_callable)


class _Calling(DecoratedOperator):
    """Hands the function on to an operator that calls it."""

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        call: dict[str, Any] = {
            "python_callable": python_callable,
            "op_args": op_args,
            "op_kwargs": op_kwargs,
        }
        super().__init__(kwargs_to_upstream=call, **call, **kwargs)


class _PythonDecoratedOperator(_Calling, PythonOperator):
    custom_operator_name = "@task"
    template_fields = PythonOperator.template_fields


class _BranchPythonDecoratedOperator(_Calling, BranchPythonOperator):
    custom_operator_name = "@task.branch"
    template_fields = BranchPythonOperator.template_fields


class _ShortCircuitDecoratedOperator(_Calling, ShortCircuitOperator):
    custom_operator_name = "@task.short_circuit"
    template_fields = ShortCircuitOperator.template_fields


class DecoratedSensorOperator(_Calling, PythonSensor):
    """``@task.sensor``; Airflow's name of it has no underscore."""

    custom_operator_name = "@task.sensor"
    template_fields = PythonSensor.template_fields


class _VirtualenvDecoratedOperator(_Calling, PythonVirtualenvOperator):
    custom_operator_name = "@task.virtualenv"
    template_fields = PythonVirtualenvOperator.template_fields


class _ExternalPythonDecoratedOperator(_Calling, ExternalPythonOperator):
    custom_operator_name = "@task.external_python"
    template_fields = ExternalPythonOperator.template_fields


class _BranchVirtualenvDecoratedOperator(_Calling, BranchPythonVirtualenvOperator):
    custom_operator_name = "@task.branch_virtualenv"
    template_fields = BranchPythonVirtualenvOperator.template_fields


class _BranchExternalPythonDecoratedOperator(_Calling, BranchExternalPythonOperator):
    custom_operator_name = "@task.branch_external_python"
    template_fields = BranchExternalPythonOperator.template_fields


class _BashDecoratedOperator(DecoratedOperator, BashOperator):
    """Runs the command that the function returns."""

    custom_operator_name = "@task.bash"
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *BashOperator.template_fields)
    template_fields_renderers: ClassVar[Mapping[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **BashOperator.template_fields_renderers,
    }

    def __init__(self, *, python_callable: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(python_callable=python_callable, bash_command="", **kwargs)

    def execute(self, context: "Context") -> Any:
        """Ask the function for the command, render it, run it."""
        wanted = accepted_arguments(
            self.python_callable, self.op_args, {**as_kept(context), **self.op_kwargs}
        )
        command = self.python_callable(*self.op_args, **wanted)
        if not isinstance(command, str) or not command.strip():
            raise TypeError("The returned value from the TaskFlow callable must be a non-empty string.")
        self.bash_command = self.render_template(command, context)
        return super().execute(context)


class TaskFactory:
    """A decorated function: each call in a DAG makes a task and gives its output."""

    is_task_factory = True

    def __init__(
        self,
        function: Callable[..., Any],
        operator_class: type[BaseOperator],
        arguments: Mapping[str, Any],
        role: Role | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._operator_class = operator_class
        self._arguments = {"task_id": function.__name__, **arguments}
        self._role = role or Role()

    @property
    def has_outlets(self) -> bool:
        """Whether its tasks are given outlets."""
        return "outlets" in self._arguments

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:
        """Make a task that will call the function with these arguments."""
        arguments, fails_run = self._arguments_of_task()
        operator = self._operator_class(
            python_callable=self.function, op_args=args, op_kwargs=kwargs, **arguments
        )
        _document(operator, self.function)
        return self._in_role(operator, on_failure_fail_dagrun=fails_run)

    def _arguments_of_task(self) -> tuple[dict[str, Any], bool]:
        """Those of the operator, and whether the run fails with it if it is a teardown."""
        arguments = dict(self._arguments)
        fails_run = arguments.pop("on_failure_fail_dagrun", self._role.on_failure_fail_dagrun)
        if self._role.is_teardown and "trigger_rule" in arguments:
            raise ValueError("Trigger rule not configurable for teardown tasks.")
        return arguments, fails_run

    def _in_role(self, operator: BaseOperator, *, on_failure_fail_dagrun: bool) -> XComArg:
        """The output of the task, which is marked as setup or teardown."""
        output = operator.output
        if self._role.is_setup:
            output.as_setup()
        if self._role.is_teardown:
            output.as_teardown()
        output.on_failure_fail_dagrun = on_failure_fail_dagrun
        return output

    def override(self, **arguments: Any) -> "TaskFactory":
        """The same function with other arguments of the task, ``task_id`` for example."""
        merged = {**self._arguments, **arguments}
        return TaskFactory(self.function, self._operator_class, merged, self._role)

    def with_role(self, role: Role) -> "TaskFactory":
        """The same function as setup or teardown."""
        return TaskFactory(self.function, self._operator_class, self._arguments, role)

    def checking_before(self, check: Callable[["Context"], None]) -> "TaskFactory":
        """The same function, whose tasks call ``check`` last before they run; it may raise."""
        earlier = self._arguments.get("pre_execute")

        def pre_execute(context: "Context") -> None:
            if earlier is not None:
                earlier(context)
            check(context)

        return self.override(pre_execute=pre_execute)

    def partial(self, **kwargs: Any) -> "TaskFactory":
        """The same function with arguments that all instances of the mapped task share."""
        check_names_of_task(self.function, "partial", kwargs)
        common = self._arguments.get("op_kwargs", {})
        prevent_duplicates(common, kwargs, fail_reason="duplicate partial")
        merged = {**self._arguments, "op_kwargs": {**kwargs, **common}}
        return TaskFactory(self.function, self._operator_class, merged, self._role)

    def expand(self, **kwargs: Any) -> XComArg:
        """Make a mapped task: a call of the function for each of these with each of the others.

        Raises ``TypeError`` and ``ValueError`` as Airflow does for arguments that cannot be mapped.
        """
        refuse_always(self._arguments.get("trigger_rule"), "expand", kwargs.values())
        if not kwargs:
            raise TypeError("no arguments to expand against")
        check_names_of_task(self.function, "expand", kwargs)
        prevent_duplicates(self._arguments, kwargs, fail_reason="mapping already partial")
        return self._expand(DictOfListsExpandInput(kwargs), strict=False)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg:
        """Make a mapped task: a call of the function for each dict of a list; raises as above."""
        check_list_of_dicts(kwargs)
        if not isinstance(kwargs, XComArg):
            values = [value for item in kwargs if not isinstance(item, XComArg) for value in item.values()]
            refuse_always(self._arguments.get("trigger_rule"), "expand_kwargs", values)
        return self._expand(ListOfDictsExpandInput(kwargs), strict=strict)

    def _expand(self, expand_input: ExpandInput, *, strict: bool) -> XComArg:
        check_return_values(expand_input.value)
        arguments, fails_run = self._arguments_of_task()
        if "task_concurrency" in arguments:
            raise TypeError("unexpected argument: task_concurrency")
        arguments.setdefault("op_kwargs", {})
        dag = arguments.pop("dag", None) or dag_context.current_dag()
        group = arguments.pop("task_group", None) or dag_context.current_group(dag)
        operator = DecoratedMappedOperator(
            task_id=_unused_task_id(arguments.pop("task_id"), {"dag": dag, "task_group": group}),
            operator_class=self._operator_class,
            expand_input=expand_input,
            partial_kwargs={"python_callable": self.function, **arguments},
            strict=strict,
            dag=dag,
            task_group=group,
        )
        return self._in_role(operator, on_failure_fail_dagrun=fails_run)


Condition = Callable[["Context"], bool | tuple[bool, str | None]]
"""Of the context; may bring the text that is logged where the task is skipped."""


def run_if(condition: Condition, skip_message: str | None = None) -> Callable[[TaskFactory], TaskFactory]:
    """Decorate a decorated function: its tasks are skipped unless the condition is true."""
    return _checked_before("run_if", lambda is_true: not is_true, condition, skip_message)


def skip_if(condition: Condition, skip_message: str | None = None) -> Callable[[TaskFactory], TaskFactory]:
    """Decorate a decorated function: its tasks are skipped if the condition is true."""
    return _checked_before("skip_if", bool, condition, skip_message)


def _checked_before(
    name: str, skips: Callable[[Any], bool], condition: Condition, skip_message: str | None
) -> Callable[[TaskFactory], TaskFactory]:
    def check(context: "Context") -> None:
        result = condition(context)
        is_true, message = result if isinstance(result, tuple) else (result, None)
        if skips(is_true):
            raise AirflowSkipException(message or skip_message or "Task was skipped due to condition.")

    def decorate(factory: TaskFactory) -> TaskFactory:
        if not isinstance(factory, TaskFactory):
            raise TypeError(f"{name} can only be used with task. decorate with @task before @{name}.")
        return factory.checking_before(check)

    return decorate


class TaskDecorator:
    """``@task`` and its kinds; each may be written with or without arguments."""

    def __call__(
        self,
        python_callable: Callable[..., Any] | None = None,
        multiple_outputs: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Make a task of a Python function.

        With ``multiple_outputs`` each key of the dict it returns is an output of its own; left out, it
        is so for a function whose return annotation is a mapping.
        """

        def decorate(function: Callable[..., Any]) -> TaskFactory:
            several = _returns_mapping(function) if multiple_outputs is None else multiple_outputs
            return TaskFactory(function, _PythonDecoratedOperator, {"multiple_outputs": several, **kwargs})

        return _with_or_without_arguments(decorate, python_callable)

    python = __call__

    def branch(self, python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        """Make a branch of a function that returns the ids of the tasks to go on with."""
        return _decorator(_BranchPythonDecoratedOperator, python_callable, kwargs)

    def short_circuit(self, python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        """Make a short circuit of a function: on a false result what comes after is skipped."""
        return _decorator(_ShortCircuitDecoratedOperator, python_callable, kwargs)

    def bash(self, python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        """Make a shell command of a function that returns it."""
        return _decorator(_BashDecoratedOperator, python_callable, kwargs)

    def sensor(self, python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        """Make a sensor of a function: it waits until the function returns something true."""
        return _decorator(DecoratedSensorOperator, python_callable, kwargs)

    def virtualenv(self, python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        """Run a function in a virtual environment that is made for it."""
        return _decorator(_VirtualenvDecoratedOperator, python_callable, kwargs)

    def external_python(self, python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        """Run a function in the Python at the path ``python``."""
        return _decorator(_ExternalPythonDecoratedOperator, python_callable, kwargs)

    def branch_virtualenv(self, python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        """Make a branch of a function in a virtual environment that is made for it."""
        return _decorator(_BranchVirtualenvDecoratedOperator, python_callable, kwargs)

    def branch_external_python(self, python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        """Make a branch of a function in the Python at the path ``python``."""
        return _decorator(_BranchExternalPythonDecoratedOperator, python_callable, kwargs)

    run_if = staticmethod(run_if)
    skip_if = staticmethod(skip_if)

    def __getattr__(self, name: str) -> Any:
        """A decorator of a provider package; raises ``AttributeError`` where none has it."""
        if not name.startswith("_"):
            from chalicelib.authoring.provider_packages.providers_manager import decorators, imported

            full_name = decorators().get(name)
            if full_name is not None:
                return imported(full_name)
        raise AttributeError(
            f"Updraft does not offer @task.{name}, nor does an installed provider package: where one has it, "
            "put it into requirements.txt in the DAGs folder"
        )


task = TaskDecorator()


def dag(dag_id: str | Callable[..., Any] = "", *, dag_class: type[DAG] = DAG, **arguments: Any) -> Any:
    """Make a DAG of a function: calling it makes the DAG, its tasks being those made inside.

    The id is the function's name unless one is given. The function's arguments become params of the DAG.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., DAG]:
        @functools.wraps(function)
        def factory(*args: Any, **kwargs: Any) -> DAG:
            given = inspect.signature(function).bind(*args, **kwargs)
            given.apply_defaults()
            name = dag_id if isinstance(dag_id, str) and dag_id else function.__name__
            with dag_class(name, **arguments) as made:
                made.doc_md = made.doc_md or function.__doc__
                params = {key: made.param(key, value) for key, value in given.arguments.items()}
                function(**params)
            return made

        return factory

    return decorate(dag_id) if callable(dag_id) else decorate


def task_group(group_id: str | Callable[..., Any] = "", **arguments: Any) -> Any:
    """Make a task group of a function: each call makes a group with the tasks made inside.

    The call gives what the function returns, else the group.
    """

    def decorate(function: Callable[..., Any]) -> TaskGroupFactory:
        named = {"group_id": group_id} if isinstance(group_id, str) and group_id else {}
        return TaskGroupFactory(function, {**named, **arguments})

    return decorate(group_id) if callable(group_id) else decorate


virtualenv_task, external_python_task = task.virtualenv, task.external_python
python_task, branch_task, short_circuit_task = task.python, task.branch, task.short_circuit
bash_task, sensor_task = task.bash, task.sensor


def task_decorator_factory(
    python_callable: Callable[..., Any] | None = None,
    *,
    multiple_outputs: bool | None = None,
    decorated_operator_class: type[BaseOperator],
    **kwargs: Any,
) -> Any:
    """A decorator of the user's own, or of a package's, whose tasks are operators of that class.

    ``multiple_outputs`` is as in ``@task``.
    """

    def decorate(function: Callable[..., Any]) -> TaskFactory:
        several = _returns_mapping(function) if multiple_outputs is None else multiple_outputs
        return TaskFactory(function, decorated_operator_class, {"multiple_outputs": several, **kwargs})

    return _with_or_without_arguments(decorate, python_callable)


def get_unique_task_id(task_id: str, dag: DAG | None = None, task_group: TaskGroup | None = None) -> str:
    """The id, with the next free suffix if the DAG has it."""
    return _unused_task_id(task_id, {"dag": dag, "task_group": task_group})


def _decorator(
    operator_class: type[BaseOperator],
    python_callable: Callable[..., Any] | None,
    arguments: Mapping[str, Any],
) -> Any:
    def decorate(function: Callable[..., Any]) -> TaskFactory:
        return TaskFactory(function, operator_class, arguments)

    return _with_or_without_arguments(decorate, python_callable)


def _with_or_without_arguments(
    decorate: Callable[[Callable[..., Any]], TaskFactory], function: Callable[..., Any] | None
) -> Any:
    if function is None:
        return decorate
    if not callable(function):
        raise AirflowException("No args allowed while using @task, use kwargs instead")
    return decorate(function)


def _document(operator: BaseOperator, function: Callable[..., Any]) -> None:
    """Make the docstring that of the task, unless it has another documentation."""
    if not any((operator.doc, operator.doc_json, operator.doc_md, operator.doc_rst, operator.doc_yaml)):
        operator.doc_md = function.__doc__


def _returns_mapping(function: Callable[..., Any]) -> bool:
    try:
        returned = typing.get_type_hints(function).get("return")
    except (NameError, TypeError):
        return False  # an annotation that cannot be evaluated says nothing
    kind = typing.get_origin(returned) or returned
    return isinstance(kind, type) and issubclass(kind, Mapping)


def _unused_task_id(task_id: str, arguments: Mapping[str, Any]) -> str:
    """The id, with the next free suffix if the DAG has it: a function may be called several times."""
    dag = arguments.get("dag") or dag_context.current_dag()
    if dag is None:
        return task_id
    group = arguments.get("task_group") or dag_context.current_group(dag)
    prefix = group.prefix if group else ""
    return unused_id(f"{prefix}{task_id}", dag).removeprefix(prefix)
