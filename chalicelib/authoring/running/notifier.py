"""``BaseNotifier``: callbacks that are objects with templated attributes."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.model.baseoperator import LoggingMixin
from chalicelib.authoring.running.templates import Renderer, jinja_environment, render_attributes

if TYPE_CHECKING:
    from chalicelib.authoring.model.dag import DAG

_OF_SLA_MISS = ("dag", "task_list", "blocking_task_list", "slas", "blocking_tis")


@dataclass(frozen=True, slots=True)
class _Templates:
    """What a ``Renderer`` asks of the owner of templates."""

    template_ext: Sequence[str]
    dag: "DAG"


class BaseNotifier(LoggingMixin):
    """A callback of a task or a DAG. Subclasses define ``notify``, and list what is templated."""

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()

    @abstractmethod
    def notify(self, context: Any) -> None:
        """Send the notification."""
        raise NotImplementedError

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:  # noqa: ARG002 - Airflow's
        """Replace the templated attributes by rendered ones."""
        renderer = self._renderer(context)
        for name in self.template_fields:
            setattr(self, name, renderer.render_field(getattr(self, name)))

    def render_template(
        self,
        content: Any,
        context: Any,
        jinja_env: Any = None,  # noqa: ARG002 - Airflow's signature
        seen_oids: set[int] | None = None,  # noqa: ARG002 - as above
    ) -> Any:
        """The value with templates rendered, as is done for ``template_fields``."""
        return self._renderer(context).render(content)

    def get_template_env(self, dag: "DAG") -> Any:
        """The environment of Jinja that templates of a DAG are rendered in."""
        return jinja_environment(dag)

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Any,
        jinja_env: Any,
        seen_oids: set[int],
    ) -> None:
        """Render attributes of an object in place; Airflow's name, which notifiers of packages call."""
        render_attributes(self, parent, template_fields, context, jinja_env, seen_oids)

    def _renderer(self, context: Any) -> Renderer:
        return Renderer(_Templates(self.template_ext, context["dag"]), context)

    def __call__(self, *args: Any) -> None:
        """Notify, with a callback's arguments; the templated attributes are part of the context.

        What ``notify`` raises is logged and changes nothing, as in Airflow.
        """
        context = args[0] if len(args) == 1 else dict(zip(_OF_SLA_MISS, args, strict=True))
        for name in self.template_fields:
            context[name] = getattr(self, name)
        self.render_template_fields(context)
        try:
            self.notify(context)
        except Exception as error:
            self.log.exception("Failed to send notification: %s", error)
