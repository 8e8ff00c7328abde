"""``AirflowPlugin``: the class that plugins derive from; ``folder`` puts what they offer into its places."""

from collections.abc import Sequence
from typing import Any, ClassVar

from chalicelib.authoring.exceptions import AirflowException


class AirflowPluginException(AirflowException):
    """A plugin cannot be registered."""


class AirflowPlugin:
    """Base of plugins. Attributes that are not listed may be there and mean nothing, pages for example."""

    name: ClassVar[str | None] = None
    operators: ClassVar[Sequence[Any]] = ()
    """Classes that are importable from ``airflow.operators`` and ``airflow.operators.NAME``, as in 1.10."""
    sensors: ClassVar[Sequence[Any]] = ()
    """Likewise, from ``airflow.sensors``."""
    hooks: ClassVar[Sequence[Any]] = ()
    """Likewise, from ``airflow.hooks``."""
    macros: ClassVar[Sequence[Any]] = ()
    """Functions that templates find as ``macros.NAME.function``, and files in ``airflow.macros.NAME``."""
    timetables: ClassVar[Sequence[type]] = ()
    """Classes that DAGs may have as timetable."""
    listeners: ClassVar[Sequence[Any]] = ()
    """Modules or objects with functions that are marked by ``hookimpl``."""
    hook_lineage_readers: ClassVar[Sequence[type]] = ()
    """Classes that read what hooks told of, which is collected whether or not there are any."""

    @classmethod
    def validate(cls) -> None:
        """Raises ``AirflowPluginException`` if the plugin has no name."""
        if not cls.name:
            raise AirflowPluginException("Your plugin needs a name.")

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Called once when the plugin is loaded."""
