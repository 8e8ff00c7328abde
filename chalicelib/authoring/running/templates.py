"""Templates: rendering the templated attributes of a task with Jinja."""

import copy
import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.authoring.model.dependencies import DependencyMixin
from chalicelib.authoring.model.expand_input import MappedArgument
from chalicelib.authoring.model.params import DagParam
from chalicelib.authoring.model.xcom_arg import XComArg
from chalicelib.authoring.running.lazy_values import as_kept, found

if TYPE_CHECKING:
    import jinja2

    from chalicelib.authoring.model.baseoperator import BaseOperator
    from chalicelib.authoring.model.dag import DAG
    from chalicelib.authoring.running.context import Context


log = logging.getLogger("airflow.task")

_LINE_ENDS = re.compile("\r\n|\r")


class LiteralValue:
    """A value that is passed on as it is."""

    def __init__(self, value: Any) -> None:
        self.value = value


def literal(value: Any) -> LiteralValue:
    """Keep a value from being rendered."""
    return LiteralValue(value)


class HasTemplates(Protocol):
    """The owner of templates: a task, or a notifier in its DAG."""

    @property
    def template_ext(self) -> Sequence[str]:
        """The ends of texts that name template files."""

    @property
    def dag(self) -> "DAG":
        """The DAG, by whose options templates are rendered."""


class Renderer:
    """Renders values for one owner of templates in one context.

    Texts are templates; a text that ends in one of the owner's ``template_ext`` names a template file,
    looked for beside the DAG file and in ``template_searchpath``. Lists, tuples, sets, dicts and objects
    with ``template_fields`` are gone through; what other tasks returned is fetched. Objects that are to stay
    ``as_they_are`` do.
    """

    def __init__(self, owner: HasTemplates, context: "Context", as_they_are: Collection[Any] = ()) -> None:
        self._context = context
        self._as_they_are = {id(value) for value in as_they_are}
        self._extensions = tuple(owner.template_ext)
        self._dag = owner.dag
        self._nested = getattr(owner, "nested_renderer", None)
        self._reads_any_text = bool(
            owner.dag.render_template_as_native_obj or owner.dag.jinja_environment_kwargs
        )
        self._environment: jinja2.Environment | None = None
        self._objects: dict[int, tuple[Any, Any]] = {}

    def render(self, value: Any) -> Any:
        """The value rendered; raises Jinja's errors (``UndefinedError``, ``TemplateNotFound``...)."""
        if id(value) in self._as_they_are:
            return value
        if isinstance(value, str):
            return self._render_text(value)
        if isinstance(value, XComArg | MappedArgument | DagParam):
            return value.resolve(self._context)
        if isinstance(value, LiteralValue):
            return value.value
        if isinstance(value, Mapping):
            return {key: self.render(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return self._render_items(value)
        return self._render_object(value)

    def _render_text(self, text: str) -> Any:
        if self._extensions and text.endswith(self._extensions):
            return self._rendered(self._jinja().get_template(text))
        if "{" not in text and not self._reads_any_text:  # Jinja, which need not be loaded, would leave this
            return _LINE_ENDS.sub("\n", text).removesuffix("\n")
        return self._rendered(self._jinja().from_string(text))

    def render_template(self, text: str) -> str:
        """A template rendered as a text; raises Jinja's errors, and what the template calls raises."""
        return str(self._rendered(self._jinja().from_string(text)))

    def _rendered(self, template: "jinja2.Template") -> Any:
        return template.render(as_kept(self._context))

    def _render_items(self, items: Any) -> Any:
        rendered = [self.render(item) for item in items]
        if isinstance(items, tuple) and hasattr(items, "_fields"):
            return type(items)(*rendered)
        return rendered if isinstance(items, list) else type(items)(rendered)

    def _render_object(self, value: Any) -> Any:
        fields = getattr(value, "template_fields", ())
        if not (fields or self._nested) or isinstance(value, DependencyMixin | type):
            return value
        if id(value) in self._objects:  # objects may hold each other
            return self._objects[id(value)][1]
        rendered = copy.copy(value)
        self._objects[id(value)] = value, rendered
        if self._nested:
            self._nested(rendered, self._context, self._jinja(), set())
            return rendered
        for name in fields:
            setattr(rendered, name, self.render(getattr(value, name)))
        return rendered

    def render_field(self, value: Any) -> Any:
        """The value of a templated attribute rendered, as Airflow does it.

        One that is false stays as it is; a function makes the value, of the context and Jinja's environment.
        """
        if _is_false(value) or id(value) in self._as_they_are:
            return value
        if callable(value) and not isinstance(value, DependencyMixin | type):
            return value(context=self._context, jinja_env=self._jinja())
        return self.render(value)

    def _jinja(self) -> "jinja2.Environment":
        if self._environment is None:
            self._environment = jinja_environment(self._dag)
        return self._environment


def render_template_fields(
    task: "BaseOperator", context: "Context", as_they_are: Collection[Any] = ()
) -> None:
    """Replace the templated attributes of a task (a copy made for execution) by rendered ones.

    Objects that are to stay ``as_they_are`` do.

    Raises ``AttributeError`` when the operator has no attribute that it lists as templated.
    """
    for name in task.template_fields:
        if not hasattr(task, name):
            raise AttributeError(
                f"{name!r} is configured as a template field but {task.task_type} does not have "
                "this attribute."
            )
    renderer = Renderer(task, context, as_they_are)
    for name in task.template_fields:
        try:
            setattr(task, name, renderer.render_field(getattr(task, name)))
        except Exception:
            log.error("Exception rendering Jinja template for task '%s', field '%s'", task.task_id, name)
            raise


class RendersTemplates(Protocol):
    """What has Airflow's method to render one value."""

    def render_template(
        self, content: Any, context: Any, jinja_env: Any = None, seen_oids: set[int] | None = None
    ) -> Any:
        """The value rendered."""


def render_attributes(
    owner: RendersTemplates,
    parent: Any,
    names: Iterable[str],
    context: Any,
    jinja_env: Any,
    seen_oids: set[int],
) -> None:
    """Replace attributes of an object by what the owner of its templates makes of them; empty ones stay."""
    for name in names:
        value = getattr(parent, name, None)
        if value:
            setattr(parent, name, owner.render_template(value, context, jinja_env, seen_oids))


def prepare_templates(task: "BaseOperator") -> None:
    """Let an operator that wants to prepare its templates, with the files' texts in place of their names."""
    if task.prepares_templates:
        _resolve_template_files(task)
        task.prepare_template()


def _is_false(value: Any) -> bool:
    try:
        return not value
    except Exception:  # a table of pandas is neither true nor false
        return False


def _resolve_template_files(task: "BaseOperator") -> None:
    """Put the texts of template files in place of their names, in templated attributes and lists of such."""
    extensions = tuple(task.template_ext)
    environment = jinja_environment(task.dag)

    def text_of(value: Any) -> Any:
        if not isinstance(value, str) or not value.endswith(extensions) or environment.loader is None:
            return value
        return environment.loader.get_source(environment, value)[0]

    for name in task.template_fields if extensions else ():
        value = getattr(task, name)
        setattr(task, name, [text_of(item) for item in value] if isinstance(value, list) else text_of(value))


def jinja_environment(dag: "DAG") -> "jinja2.Environment":
    """The Jinja environment of a DAG: sandboxed, with its search path, macros and filters.

    An unknown name is an error, as in Airflow 2, unless the DAG's ``template_undefined`` says else.
    """
    import jinja2
    import jinja2.nativetypes
    import jinja2.runtime
    import jinja2.sandbox

    class Sandbox(jinja2.sandbox.SandboxedEnvironment):
        """Names with one leading underscore are allowed, as in Airflow; Python's internals are not."""

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002 - Jinja's signature
            return not jinja2.sandbox.is_internal_attribute(obj, attr)

    class NativeSandbox(jinja2.nativetypes.NativeEnvironment, Sandbox):
        """The same; a template that is one expression gives its value instead of a text."""

    class LazyContext(jinja2.runtime.Context):
        """A name whose value is found later is found when a template uses it."""

        def resolve_or_missing(self, key: str) -> Any:
            return found(super().resolve_or_missing(key))

    options: dict[str, Any] = {
        "loader": jinja2.FileSystemLoader([dag.folder, *dag.template_searchpath]),
        "undefined": dag.template_undefined or jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "cache_size": 0,
        **dag.jinja_environment_kwargs,
    }
    environment = (NativeSandbox if dag.render_template_as_native_obj else Sandbox)(**options)
    environment.context_class = LazyContext
    environment.globals.update(dag.user_defined_macros)
    environment.filters.update({**_FILTERS, **dag.user_defined_filters})
    return environment


def _ds(value: datetime | None) -> str | None:
    return None if value is None else f"{value:%Y-%m-%d}"


def _ds_nodash(value: datetime | None) -> str | None:
    return None if value is None else f"{value:%Y%m%d}"


def _ts(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _ts_nodash(value: datetime | None) -> str | None:
    return None if value is None else f"{value:%Y%m%dT%H%M%S}"


def _ts_nodash_with_tz(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat().replace("-", "").replace(":", "")


_FILTERS = {
    "ds": _ds,
    "ds_nodash": _ds_nodash,
    "ts": _ts,
    "ts_nodash": _ts_nodash,
    "ts_nodash_with_tz": _ts_nodash_with_tz,
}
