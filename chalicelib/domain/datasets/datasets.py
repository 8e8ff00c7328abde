"""Datasets and aliases as they are kept, with the DAGs and tasks that refer to them."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.schedule.dataset_conditions import alias_of, uri_of

DEFAULT_GROUP = "asset"
"""Airflow 3's group of an asset for which its file gives none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """A DAG that runs by a dataset, or a task that changes it."""

    dag_id: str
    task_id: str | None = None
    """None: the DAG runs by it."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """A dataset or an alias. Datetimes are aware, in UTC."""

    reference: str
    """``dataset:<uri>`` or ``alias:<name>``."""
    id: int
    created_at: datetime
    updated_at: datetime
    own_name: str = ""
    """The name that Airflow 3's files give it beside the URI; empty if none."""
    group: str = DEFAULT_GROUP
    """Airflow 3's ``group``."""
    extra: str = "{}"
    """A JSON object: what DAG files say of it."""
    mentions: tuple[Mention, ...] = ()
    """Those of deployed DAG files, in order of DAG and task."""
    aliases: frozenset[str] = frozenset()
    """Names of the aliases that have brought events to it."""

    @property
    def uri(self) -> str | None:
        """Its URI; None for an alias."""
        return uri_of(self.reference)

    @property
    def name(self) -> str:
        """The name by which Airflow 3's files find it: its own, else the URI; of an alias the alias's."""
        return self.own_name or self.uri or alias_of(self.reference) or ""

    @property
    def consumers(self) -> tuple[str, ...]:
        """The ids of the DAGs that run by it."""
        return tuple(mention.dag_id for mention in self.mentions if mention.task_id is None)
