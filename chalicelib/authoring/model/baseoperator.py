"""Tasks: ``BaseOperator``, from which every operator derives, the shipped ones and the user's."""

import copy
import functools
import inspect
import logging
from abc import ABCMeta
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from chalicelib.authoring.dates import convert_to_utc
from chalicelib.authoring.exceptions import AirflowException, TaskDeferralError, TaskDeferred
from chalicelib.authoring.model import dag_context, rules
from chalicelib.authoring.model.dependencies import DependencyMixin
from chalicelib.authoring.model.expand_input import references_in
from chalicelib.authoring.model.lineage import as_inlets, as_outlets, is_entity
from chalicelib.authoring.model.params import ParamsDict
from chalicelib.authoring.model.rules import TriggerRule, WeightRule, validate_id
from chalicelib.authoring.model.setup_teardown import Role, SetupTeardownMixin, join_scope
from chalicelib.authoring.model.xcom_arg import XCOM_RETURN_KEY, PlainXComArg

if TYPE_CHECKING:
    from chalicelib.authoring.model.dag import DAG
    from chalicelib.authoring.model.task_group import TaskGroup
    from chalicelib.authoring.running.context import Context
    from chalicelib.authoring.triggers.base import BaseTrigger

DEFAULT_OWNER = "airflow"
DEFAULT_POOL = "default_pool"
DEFAULT_QUEUE = "default"
DEFAULT_RETRY_DELAY = timedelta(minutes=5)

Callback = Callable[["Context"], Any]
Callbacks = Callback | Sequence[Callback] | None


def accepting_default_args(init: Callable[..., None]) -> Callable[..., None]:
    """Fill a constructor's arguments that were not given from the ``default_args`` around the task.

    Each constructor up the class hierarchy takes the arguments it names itself, as in Airflow. Raises
    ``AirflowException`` for arguments given by position and for required ones that are missing.
    """
    accepted = [
        parameter
        for parameter in list(inspect.signature(init).parameters.values())[1:]
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    required = [parameter.name for parameter in accepted if parameter.default is parameter.empty]
    # Params are merged, not replaced; the others say where the task is.
    own_names = {parameter.name for parameter in accepted} - {"params", "dag", "task_group", "default_args"}

    @functools.wraps(init)
    def with_default_args(self: "BaseOperator", *args: Any, **kwargs: Any) -> None:
        if args:
            raise AirflowException("Use keyword arguments when initializing operators")
        defaults = _default_args_around(kwargs)
        filled = {name: defaults[name] for name in own_names & defaults.keys()} | kwargs
        missing = [repr(name) for name in required if name not in filled]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            raise AirflowException(f"missing keyword argument{plural} {', '.join(missing)}")
        init(self, **filled)

    vars(with_default_args)["parameter_names"] = frozenset(parameter.name for parameter in accepted)
    return with_default_args


def parameter_names(operator_class: type["BaseOperator"]) -> frozenset[str]:
    """The arguments that a class of operators names, itself or by a class that it derives from."""
    inits = (vars(base).get("__init__") for base in operator_class.__mro__)
    return frozenset().union(*(getattr(init, "parameter_names", ()) for init in inits))


def _default_args_around(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    dag = kwargs.get("dag") or dag_context.current_dag()
    group = kwargs.get("task_group") or dag_context.current_group(dag)
    defaults = dict(dag.default_args) if dag else {}
    if group is not None:
        defaults |= group.default_args
    return defaults | dict(kwargs.get("default_args") or {})


def apply_defaults(init: Callable[..., None]) -> Callable[..., None]:
    """1.10's decorator of constructors; it does nothing, for every constructor takes default_args."""
    return init


class LoggingMixin:
    """Gives a class of the user's a logger whose records are part of the task's log."""

    @property
    def log(self) -> logging.Logger:
        """The logger."""
        cls = type(self)
        return logging.getLogger(f"airflow.task.{cls.__module__}.{cls.__qualname__}")


class _Partial:
    """``partial`` of a class of operators."""

    def __get__(self, task: "BaseOperator | None", operator_class: type["BaseOperator"]) -> Any:
        """The function; of a task that is made already it raises ``TypeError``."""
        from chalicelib.authoring.model.mapped_operator import partial, refuse_task

        return functools.partial(partial, operator_class) if task is None else refuse_task


class OperatorMeta(ABCMeta):
    """Makes an operator, then lets it find the outputs it was given as arguments."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an operator."""
        operator = super().__call__(*args, **kwargs)
        operator.finish_construction()
        return operator


class BaseOperator(SetupTeardownMixin, metaclass=OperatorMeta):
    """A task. Subclasses take their own keyword arguments, pass the rest on, and define ``execute``.

    The arguments are Airflow 2.10's. Durations are timedeltas (retry delays also seconds), dates are
    kept in UTC. Raises ``AirflowException`` for an unknown argument or a value that cannot be used.
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[Mapping[str, str]] = {}
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"
    start_from_trigger: bool = False
    start_trigger_args: Any = None
    operator_extra_links: Sequence[Any] = ()

    inherits_from_empty_operator: ClassVar[bool] = False
    """Whether ``execute`` does nothing: such a task needs no worker."""

    supports_lineage: ClassVar[bool] = False
    """Whether the operator finds its outlets itself while it runs, so that ``|`` need not see any."""

    task_id: str

    _dag: "DAG | None"

    _constructed = False

    _mapped: "BaseOperator | None" = None
    """Of an instance of a mapped task: that task."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = accepting_default_args(cls.__init__)  # type: ignore[method-assign]  # wrapped in place

    @accepting_default_args
    def __init__(
        self,
        task_id: str,
        owner: str = DEFAULT_OWNER,
        email: str | Iterable[str] | None = None,
        email_on_retry: bool = True,
        email_on_failure: bool = True,
        retries: int | None = 0,
        retry_delay: timedelta | float = DEFAULT_RETRY_DELAY,
        retry_exponential_backoff: bool = False,
        max_retry_delay: timedelta | float | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        depends_on_past: bool = False,
        ignore_first_depends_on_past: bool = True,
        wait_for_past_depends_before_skipping: bool = False,
        wait_for_downstream: bool = False,
        dag: "DAG | None" = None,
        params: Mapping[str, Any] | None = None,
        default_args: dict[str, Any] | None = None,
        priority_weight: int = 1,
        weight_rule: str = WeightRule.DOWNSTREAM,
        queue: str = DEFAULT_QUEUE,
        pool: str | None = None,
        pool_slots: int = 1,
        sla: timedelta | None = None,
        execution_timeout: timedelta | None = None,
        on_execute_callback: Callbacks = None,
        on_failure_callback: Callbacks = None,
        on_success_callback: Callbacks = None,
        on_retry_callback: Callbacks = None,
        on_skipped_callback: Callbacks = None,
        pre_execute: Callback | None = None,
        post_execute: Callable[["Context", Any], Any] | None = None,
        trigger_rule: str = TriggerRule.ALL_SUCCESS,
        resources: dict[str, Any] | None = None,
        run_as_user: str | None = None,
        task_concurrency: int | None = None,
        map_index_template: str | None = None,
        max_active_tis_per_dag: int | None = None,
        max_active_tis_per_dagrun: int | None = None,
        executor: str | None = None,
        executor_config: dict[str, Any] | None = None,
        do_xcom_push: bool = True,
        multiple_outputs: bool = False,
        inlets: Any = None,
        outlets: Any = None,
        task_group: "TaskGroup | None" = None,
        doc: str | None = None,
        doc_md: str | None = None,
        doc_json: str | None = None,
        doc_yaml: str | None = None,
        doc_rst: str | None = None,
        task_display_name: str | None = None,
        logger_name: str | None = None,
        allow_nested_operators: bool = True,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise AirflowException(
                f"Invalid arguments were passed to {type(self).__name__} (task_id: {task_id}). "
                f"Invalid arguments were:\n**kwargs: {kwargs}"
            )
        dag = dag or dag_context.current_dag()
        group = task_group or dag_context.current_group(dag)
        if self._mapped is not None:
            self.task_id = self._mapped.task_id
        else:
            self.task_id = group.child_id(task_id) if group else task_id
        validate_id(self.task_id)

        self.owner = owner
        self.email = email
        self.email_on_retry = email_on_retry
        self.email_on_failure = email_on_failure
        self.start_date = convert_to_utc(start_date)
        self.end_date = convert_to_utc(end_date)
        self.trigger_rule = rules.trigger_rule(trigger_rule)
        self.depends_on_past = depends_on_past or wait_for_downstream
        self.ignore_first_depends_on_past = ignore_first_depends_on_past
        self.wait_for_past_depends_before_skipping = wait_for_past_depends_before_skipping
        self.wait_for_downstream = wait_for_downstream
        self.retries = _retries(retries)
        self.retry_delay = _duration(retry_delay)
        self.retry_exponential_backoff = retry_exponential_backoff
        self.max_retry_delay = None if max_retry_delay is None else _duration(max_retry_delay)
        self.execution_timeout = _timeout(execution_timeout)
        self.sla = sla
        self.priority_weight = _priority_weight(priority_weight, task_id)
        self.weight_rule = rules.weight_rule(weight_rule)
        self.queue = queue
        self.pool = pool or DEFAULT_POOL
        self.pool_slots = _pool_slots(pool_slots, task_id, dag)
        self.max_active_tis_per_dag = (
            task_concurrency if max_active_tis_per_dag is None else max_active_tis_per_dag
        )
        self.max_active_tis_per_dagrun = max_active_tis_per_dagrun
        self.resources = resources
        self.run_as_user = run_as_user
        self.executor = executor
        self.executor_config = executor_config or {}
        self.do_xcom_push = do_xcom_push
        self.multiple_outputs = multiple_outputs
        self.map_index_template = map_index_template
        self.allow_nested_operators = allow_nested_operators
        self.on_execute_callback = on_execute_callback
        self.on_failure_callback = on_failure_callback
        self.on_success_callback = on_success_callback
        self.on_retry_callback = on_retry_callback
        self.on_skipped_callback = on_skipped_callback
        self.doc = doc
        self.doc_md = doc_md
        self.doc_json = doc_json
        self.doc_yaml = doc_yaml
        self.doc_rst = doc_rst
        self.inlets = inlets
        self.outlets = outlets
        self.params = _params_around(dag, group).merged(params, (default_args or {}).get("params"))
        self.upstream_task_ids: set[str] = set()
        self.downstream_task_ids: set[str] = set()

        self._task_display_name = task_display_name
        self._logger_name = logger_name
        self._pre_execute_hook = pre_execute
        self._post_execute_hook = post_execute
        self._dag = dag if self._mapped is not None else None
        self.setup_teardown_role = Role()
        self.task_group = group
        if self._mapped is None:
            self._take_place(dag)

    def _take_place(self, dag: "DAG | None") -> None:
        """Become a member of the scope, group and DAG around."""
        join_scope(self)
        if self.task_group is not None:
            self.task_group.add(self)
        if dag is not None:
            dag.add_task(self)

    partial = _Partial()

    @classmethod
    def made_of(cls, mapped: "BaseOperator", arguments: Mapping[str, Any]) -> "BaseOperator":
        """The operator of one instance of a mapped task: its place in the DAG is that of the mapped one."""
        operator = cls.__new__(cls)
        object.__setattr__(operator, "_mapped", mapped)
        cls.__init__(operator, **arguments)
        operator.upstream_task_ids = mapped.upstream_task_ids
        operator.downstream_task_ids = mapped.downstream_task_ids
        operator.setup_teardown_role = mapped.setup_teardown_role
        return operator

    def finish_construction(self) -> None:
        """Come after the tasks whose outputs are among the arguments; called once by the metaclass."""
        self._constructed = True
        self._follow_outputs()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if self._constructed and name in self.template_fields:
            self._follow_outputs()

    def _follow_outputs(self) -> None:
        for name in self.template_fields:
            for operator, _ in references_in(getattr(self, name, None)):
                if operator is not self:
                    self.set_upstream(operator)

    def __or__(self, other: Any) -> "BaseOperator":
        """Run before ``other``, which takes the outlets of this task as inlets; ``self`` as in Airflow.

        Raises ``TypeError`` if the other is no operator, ``ValueError`` if there are no outlets.
        """
        if not isinstance(other, BaseOperator):
            raise TypeError(f"Right hand side ({other}) is not an Operator")
        if not self.outlets and not self.supports_lineage:
            raise ValueError("No outlets defined for this operator")
        other.add_inlets([self.task_id])
        self.set_downstream(other)
        return self

    def __gt__(self, other: Any) -> "BaseOperator":
        """``task > entity``: the entity, or each of several, is an outlet; raises ``TypeError``."""
        self.add_outlets(_entities(other, "Left hand side ({}) is not an outlet"))
        return self

    def __lt__(self, other: Any) -> "BaseOperator":
        """``task < entity``: the entity, or each of several, is an inlet; raises ``TypeError``."""
        self.add_inlets(_entities(other, "{} cannot be an inlet"))
        return self

    @property
    def inlets(self) -> list[Any]:
        """What the task reads: entities, and texts for the outlets of tasks upstream (see ``lineage``)."""
        return self._inlets

    @inlets.setter
    def inlets(self, value: Any) -> None:
        self._inlets = as_inlets(value)

    @property
    def outlets(self) -> list[Any]:
        """What the task writes: entities or texts."""
        return self._outlets

    @outlets.setter
    def outlets(self, value: Any) -> None:
        self._outlets = as_outlets(value)

    def add_inlets(self, inlets: Iterable[Any]) -> None:
        """Add inlets; raises ``AirflowException`` for what is none."""
        self._inlets.extend(as_inlets(list(inlets)))

    def add_outlets(self, outlets: Iterable[Any]) -> None:
        """Add outlets; raises ``AirflowException`` for what is none."""
        self._outlets.extend(as_outlets(list(outlets)))

    @property
    def roots(self) -> Sequence["BaseOperator"]:
        """The task itself."""
        return [self]

    @property
    def leaves(self) -> Sequence["BaseOperator"]:
        """The task itself."""
        return [self]

    @property
    def beside_label(self) -> DependencyMixin:
        """The group that the task stands in, unless that is the DAG's root."""
        return self.task_group if self.task_group and self.task_group.group_id else self

    @property
    def dag(self) -> "DAG":
        """The DAG; raises ``AirflowException`` if the task is in none yet."""
        if self._dag is None:
            raise AirflowException(f"Operator {self} has not been assigned to a DAG yet")
        return self._dag

    @dag.setter
    def dag(self, dag: "DAG") -> None:
        if self._dag is not None and self._dag is not dag:
            raise AirflowException(f"The DAG assigned to {self} can not be changed.")
        dag.add_task(self)

    @property
    def dag_or_none(self) -> "DAG | None":
        """The DAG, or None."""
        return self._dag

    @property
    def dag_id(self) -> str:
        """The id of the DAG; of a task in none Airflow's words for that."""
        return self._dag.dag_id if self._dag is not None else f"adhoc_{self.owner}"

    def join_dag(self, dag: "DAG") -> None:
        """Become a task of the DAG, whose dates bound the task's; only ``DAG.add_task`` calls it."""
        self._dag = dag
        starts = [date for date in (self.start_date, dag.start_date) if date is not None]
        ends = [date for date in (self.end_date, dag.end_date) if date is not None]
        self.start_date = max(starts, default=None)
        self.end_date = min(ends, default=None)

    @property
    def task_type(self) -> str:
        """The operator's class name."""
        return type(self).__name__

    @property
    def operator_name(self) -> str:
        """The operator's class name, or the name it would rather be shown under."""
        return str(getattr(self, "custom_operator_name", self.task_type))

    @property
    def task_display_name(self) -> str:
        """The name to show for the task."""
        return self._task_display_name or self.task_id

    @property
    def label(self) -> str:
        """The id without the prefix of its group."""
        group = self.task_group
        prefix = group.prefix if group else ""
        return self.task_id.removeprefix(prefix)

    @property
    def output(self) -> PlainXComArg:
        """What the task returns, to be passed to other tasks."""
        return PlainXComArg(self)

    @property
    def log(self) -> logging.Logger:
        """The logger whose records are the task's log."""
        cls = type(self)
        name = self._logger_name or f"{cls.__module__}.{cls.__qualname__}"
        return logging.getLogger(f"airflow.task.operators.{name}")

    @property
    def upstream_list(self) -> list["BaseOperator"]:
        """The tasks directly before this one."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.upstream_task_ids)]

    @property
    def downstream_list(self) -> list["BaseOperator"]:
        """The tasks directly after this one."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.downstream_task_ids)]

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:
        """The ids of the tasks directly before or after this one."""
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_direct_relatives(self, upstream: bool = False) -> list["BaseOperator"]:
        """The tasks directly before or after this one."""
        return self.upstream_list if upstream else self.downstream_list

    def get_flat_relative_ids(self, *, upstream: bool = False) -> set[str]:
        """The ids of all tasks before or after this one, however far away."""
        found: set[str] = set()
        waiting = set(self.get_direct_relative_ids(upstream))
        while waiting:
            task_id = waiting.pop()
            found.add(task_id)
            waiting |= self.dag.get_task(task_id).get_direct_relative_ids(upstream) - found
        return found

    def get_flat_relatives(self, upstream: bool = False) -> list["BaseOperator"]:
        """All tasks before or after this one, however far away."""
        return [
            self.dag.get_task(task_id) for task_id in sorted(self.get_flat_relative_ids(upstream=upstream))
        ]

    @property
    def priority_weight_total(self) -> int:
        """The weight that counts in a pool: its own and, by the weight rule, that of the tasks around it."""
        if self.weight_rule is WeightRule.ABSOLUTE:
            return self.priority_weight
        around = self.get_flat_relatives(upstream=self.weight_rule is WeightRule.UPSTREAM)
        return self.priority_weight + sum(task.priority_weight for task in around)

    def copy_for_execution(self) -> "BaseOperator":
        """A copy whose templated attributes may be replaced by rendered ones."""
        task = copy.copy(self)
        # Rendered values no longer hold outputs, and must not touch the dependencies that are shared.
        object.__setattr__(task, "_constructed", False)
        task._inlets, task._outlets = list(self._inlets), list(self._outlets)
        return task

    def render_template(
        self,
        content: Any,
        context: "Context",
        jinja_env: Any = None,  # noqa: ARG002 - Airflow's signature
        seen_oids: set[int] | None = None,  # noqa: ARG002 - as above
    ) -> Any:
        """The value with templates rendered and outputs resolved, as is done for ``template_fields``."""
        from chalicelib.authoring.running.templates import Renderer

        return Renderer(self, context).render(content)

    def render_template_fields(self, context: "Context", jinja_env: Any = None) -> None:  # noqa: ARG002 - Airflow's
        """Render the templated attributes once more."""
        from chalicelib.authoring.running.templates import render_template_fields

        render_template_fields(self, context)

    def get_template_env(self, dag: "DAG | None" = None) -> Any:
        """The environment of Jinja that templates are rendered in."""
        from chalicelib.authoring.running.templates import jinja_environment

        return jinja_environment(dag or self.dag)

    @property
    def nested_renderer(self) -> Callable[..., None] | None:
        """The operator's own way to render objects inside of templated attributes, if it has one."""
        has_own = type(self)._render_nested_template_fields is not BaseOperator._render_nested_template_fields
        return self._render_nested_template_fields if has_own else None

    def _render_nested_template_fields(
        self, content: Any, context: "Context", jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render the ``template_fields`` of an object in place; Airflow's name, which operators override."""
        fields = getattr(content, "template_fields", ())
        self._do_render_template_fields(content, fields, context, jinja_env, seen_oids)

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: "Context",
        jinja_env: Any,
        seen_oids: set[int],
    ) -> None:
        """Render attributes of an object in place; Airflow's name, which overriding operators call."""
        from chalicelib.authoring.running.templates import render_attributes

        render_attributes(self, parent, template_fields, context, jinja_env, seen_oids)

    @property
    def prepares_templates(self) -> bool:
        """Whether the operator has a ``prepare_template`` of its own."""
        return type(self).prepare_template is not BaseOperator.prepare_template

    def prepare_template(self) -> None:
        """Change templated attributes before they are rendered; template files are read by then."""

    def pre_execute(self, context: "Context") -> None:
        """Called just before ``execute``."""
        if self._pre_execute_hook is not None:
            self._pre_execute_hook(context)

    def execute(self, context: "Context") -> Any:
        """Do the task's work; what it returns is pushed as an XCom."""
        raise NotImplementedError

    def defer(
        self,
        *,
        trigger: "BaseTrigger",
        method_name: str | None,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | None = None,
    ) -> NoReturn:
        """Wait for a trigger, then go on with that method (None: the trigger ends the task itself).

        Raises ``TaskDeferred``.
        """
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

    @staticmethod
    def xcom_push(context: Any, key: str, value: Any, execution_date: datetime | None = None) -> None:
        """Keep a value under a key for the task whose context it is."""
        context["ti"].xcom_push(key=key, value=value, execution_date=execution_date)

    @staticmethod
    def xcom_pull(
        context: Any,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool | None = None,
        session: Any = None,
    ) -> Any:
        """Pull what ``ti.xcom_pull`` of the context does."""
        return context["ti"].xcom_pull(
            task_ids=task_ids,
            dag_id=dag_id,
            key=key,
            include_prior_dates=bool(include_prior_dates),
            session=session,
        )

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: "Context"
    ) -> Any:
        """Go on after a deferral; ``__fail__`` is the method of one that has failed.

        Raises ``TaskDeferralError`` then, and what the method raises.
        """
        kwargs = next_kwargs or {}
        if next_method == "__fail__":
            if (traceback := kwargs.get("traceback")) is not None:
                self.log.error("Trigger failed:\n%s", "\n".join(traceback))
            raise TaskDeferralError(kwargs.get("error", "Unknown"))
        return getattr(self, next_method)(context, **kwargs)

    def post_execute(self, context: "Context", result: Any = None) -> None:
        """Called just after ``execute``, with what it returned."""
        if self._post_execute_hook is not None:
            self._post_execute_hook(context, result)

    def on_kill(self) -> None:
        """Clean up what ``execute`` started, when the task is cut short."""

    def __repr__(self) -> str:
        return f"<Task({self.task_type}): {self.task_id}>"


def _entities(given: Any, refusal: str) -> list[Any]:
    """The entity, or those of an iterable; raises ``TypeError`` with ``refusal`` for what is none."""
    items = list(given) if isinstance(given, Iterable) else [given]
    for item in items:
        if not is_entity(item):
            raise TypeError(refusal.format(item))
    return items


def _params_around(dag: "DAG | None", group: "TaskGroup | None") -> ParamsDict:
    params = dag.params if dag else ParamsDict()
    return params.merged(group.default_args.get("params") if group else None)


def _retries(value: Any) -> int:
    if value is None:
        return 0
    try:
        return int(value)
    except (TypeError, ValueError):
        raise AirflowException(f"'retries' type must be int, not {type(value).__name__}") from None


def _duration(value: timedelta | float) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=value)


def _timeout(value: Any) -> timedelta | None:
    if value is None or isinstance(value, timedelta):
        return value
    raise ValueError(f"execution_timeout must be timedelta object but passed as type: {type(value)}")


def _priority_weight(value: Any, task_id: str) -> int:
    if not isinstance(value, int):
        raise AirflowException(
            f"`priority_weight` for task '{task_id}' only accepts integers, received '{type(value)}'."
        )
    return value


def _pool_slots(value: int, task_id: str, dag: "DAG | None") -> int:
    if value < 1:
        place = f" in dag {dag.dag_id}" if dag else ""
        raise ValueError(f"pool slots for {task_id}{place} cannot be less than 1")
    return value
